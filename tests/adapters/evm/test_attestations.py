"""The contract of attestations: what it stores and refuses, what it costs, and that it is where its code says."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from typing import Any

import pytest

from fntx_dagster.adapters.evm.artifacts import artifact, custom_errors
from fntx_dagster.adapters.evm.attestations import AttestationBook, attestations_address, deploy_attestations
from fntx_dagster.adapters.evm.keys import deployer_of
from fntx_dagster.model.witnesses import AttestedDay, level_in_words
from tests.adapters.evm.bare import BareChain, number, sessions

ROOT, EVIDENCE = b"\xa1" * 32, b"\xe1" * 32
DAYS = [number(day) for day in sessions(date(2024, 1, 1), 260)]
GAS = 16_777_216


class Bare:
    """The contract on a chain in memory."""

    def __init__(self) -> None:
        self.chain = BareChain()
        self.trader, self.witness, self.other = self.chain.traders
        kept = artifact("Attestations")
        self.contract = self.chain._deployed("Attestations", kept["bytecode"], self.chain.track_record.address)

    def send(self, sender: str, function: str, *arguments: Any) -> Any:
        sent = self.contract.functions[function](*arguments).transact({"from": sender, "gas": GAS})
        receipt = self.chain.web3.eth.get_transaction_receipt(sent)
        assert receipt["status"] == 1
        return receipt

    def attest(self, level: int = 3, *, sender: str | None = None, root: bytes = ROOT, version: int = 1) -> Any:
        return self.send(sender or self.witness, "attest", self.trader, 20250718, version, root, level, EVIDENCE)

    def batch(self, count: int, level: int = 3) -> Any:
        roots = [bytes([0xA0, n % 255 + 1, *[0xFF] * 30]) for n in range(count)]
        arguments = (self.trader, DAYS[:count], [1] * count, roots, level, EVIDENCE)
        return self.send(self.witness, "attestBatch", *arguments), roots

    def of(self, witness: str | None = None, *, root: bytes = ROOT, version: int = 1) -> list[int]:
        asked = (witness or self.witness, self.trader, 20250718, version, root)
        return self.contract.functions.attestationOf(*asked).call()

    def refused(self, sender: str, function: str, *arguments: Any) -> str:
        from eth_tester.exceptions import TransactionFailed

        data = self.contract.encode_abi(function, args=arguments)
        call = {"from": sender, "to": self.contract.address, "data": data, "gas": GAS}
        with pytest.raises(TransactionFailed) as caught:
            self.chain._tester.call(call)
        raw = ast.literal_eval(str(caught.value))
        name, inputs = custom_errors()[raw[:4]]
        assert not inputs
        return name


@pytest.fixture(scope="module")
def started() -> Bare:
    return Bare()


@pytest.fixture
def bare(started: Bare) -> Any:
    snapshot = started.chain.snapshot()
    yield started
    started.chain.revert(snapshot)


def test_an_attestation_is_of_one_witness_version_and_root_with_its_time_and_an_event(bare: Bare) -> None:
    receipt = bare.attest()
    at = bare.chain.now()
    assert bare.of() == [3, at, 0]
    for other in (bare.of(bare.other), bare.of(root=b"\xa2" * 32), bare.of(version=2)):
        assert other == [0, 0, 0]
    [event] = bare.contract.events.Attested().process_receipt(receipt)
    assert dict(event["args"]) == {
        "witness": bare.witness, "trader": bare.trader, "date": 20250718, "version": 1, "root": ROOT,
        "level": 3, "evidence": EVIDENCE,
    }  # fmt: skip
    assert len(receipt["logs"][0]["topics"]) == 4
    assert bare.contract.functions.records().call() == bare.chain.track_record.address


def test_a_level_rises_and_never_falls(bare: Bare) -> None:
    bare.attest(2)
    again = (bare.trader, 20250718, 1, ROOT)
    for level in (1, 2):
        assert bare.refused(bare.witness, "attest", *again, level, EVIDENCE) == "AlreadyAttested"
    bare.attest(19)
    assert bare.of()[0] == 19
    assert level_in_words(19) == "broker_fetched, with windows"


def test_what_is_revoked_stays_revoked(bare: Bare) -> None:
    day = (bare.trader, 20250718, 1, ROOT)
    assert bare.refused(bare.witness, "revoke", *day, "why") == "NotAttested"
    bare.attest()
    attested_at = bare.chain.now()
    for reason in ("", "x" * 257, "é" * 129):
        assert bare.refused(bare.witness, "revoke", *day, reason) == "InvalidReason"
    assert bare.refused(bare.other, "revoke", *day, "why") == "NotAttested"
    receipt = bare.send(bare.witness, "revoke", *day, "The broker corrected it.")
    assert bare.of() == [3, attested_at, bare.chain.now()]
    [event] = bare.contract.events.Revoked().process_receipt(receipt)
    assert event["args"]["reason"] == "The broker corrected it."
    assert bare.refused(bare.witness, "revoke", *day, "why") == "NotAttested"
    for level in (3, 19):
        assert bare.refused(bare.witness, "attest", *day, level, EVIDENCE) == "AlreadyAttested"
    bare.attest(sender=bare.other)
    levels = bare.contract.functions.levelsOf(bare.witness, bare.trader, [20250718] * 2, [1, 2], [ROOT] * 2)
    assert levels.call() == [0, 0]


def test_a_batch_is_all_or_nothing(bare: Bare) -> None:
    _, roots = bare.batch(3)
    versions, days = [1] * 3, DAYS[:3]
    levels = bare.contract.functions.levelsOf(
        bare.witness, bare.trader, [*days, 20250718], [*versions, 1], [*roots, ROOT]
    )
    assert levels.call() == [3, 3, 3, 0]

    def refused(days: list[int], versions: list[int], roots: list[bytes], level: int = 4) -> str:
        return bare.refused(bare.witness, "attestBatch", bare.trader, days, versions, roots, level, EVIDENCE)

    assert refused([], [], []) == "InvalidBatch"
    assert refused(days, versions[:2], roots) == "InvalidBatch"
    assert refused(days, versions, roots[:2]) == "InvalidBatch"
    assert refused(DAYS[:251], [1] * 251, [ROOT] * 251) == "InvalidBatch"
    assert refused(days, [1, 0, 1], roots) == "InvalidRecord"
    assert refused(days, versions, [roots[0], bytes(32), roots[2]]) == "InvalidRecord"
    assert refused(days, versions, roots, 3) == "AlreadyAttested"
    assert refused(days, versions, roots, 0) == "InvalidLevel"
    unequal = bare.contract.functions.levelsOf(bare.witness, bare.trader, days, versions[:1], roots)
    with pytest.raises(Exception, match=r"\\x"):
        unequal.call()


def test_nobody_attests_the_own_record_or_nothing(bare: Bare) -> None:
    day = (20250718, 1, ROOT)
    assert bare.refused(bare.trader, "attest", bare.trader, *day, 3, EVIDENCE) == "OwnRecord"
    assert bare.refused(bare.witness, "attest", bare.trader, *day, 0, EVIDENCE) == "InvalidLevel"
    assert bare.refused(bare.witness, "attest", bare.trader, 20250718, 0, ROOT, 3, EVIDENCE) == "InvalidRecord"
    assert bare.refused(bare.witness, "attest", bare.trader, 20250718, 1, bytes(32), 3, EVIDENCE) == "InvalidRecord"


def test_what_it_costs_is_what_the_documentation_says(bare: Bare) -> None:
    """docs/contracts.md, which rounds."""
    assert bare.attest()["gasUsed"] == 49_280
    assert bare.attest(19)["gasUsed"] == 32_180
    day = (bare.trader, 20250718, 1)
    assert bare.send(bare.witness, "revoke", *day, ROOT, "x" * 32)["gasUsed"] == 32_600
    bare.attest(root=b"\xa2" * 32)
    assert bare.send(bare.witness, "revoke", *day, b"\xa2" * 32, "x" * 256)["gasUsed"] == 38_018
    assert bare.send(bare.witness, "publishKey", b"\x01" + b"\xff" * 32)["gasUsed"] == 24_641
    receipt, roots = bare.batch(250)
    assert 27_100 < receipt["gasUsed"] / 250 < 27_200
    asked = bare.contract.functions.levelsOf(bare.witness, bare.trader, DAYS[:250], [1] * 250, roots)
    assert asked.estimate_gas() < 1_100_000


def test_a_hundred_days_cost_27_200_each(bare: Bare) -> None:
    assert 27_200 < bare.batch(100)[0]["gasUsed"] / 100 < 27_300


def test_it_is_made_at_the_address_that_follows_from_its_code_and_the_records_once(chain: Any, settings: Any) -> None:
    book, payer = AttestationBook(chain), deployer_of(settings.paths.keys)
    assert not book.is_deployed()
    assert deploy_attestations(chain, payer)
    assert book.contract == attestations_address(chain.contract) != attestations_address(chain.fntx_contract)
    assert book.attestations.functions.records().call() == chain.contract
    assert not deploy_attestations(chain, payer)
    day = AttestedDay(payer.address, date(2025, 7, 18), 1, ROOT)
    assert book.attestation_of(payer.address, day) is None
    assert book.levels_of(payer.address, [day._replace(day=day.day + timedelta(n)) for n in range(251)]) == [0] * 251
    assert book.said(trader=payer.address, since=date(2025, 7, 18)) == []
    assert book.published_key(payer.address) is None
