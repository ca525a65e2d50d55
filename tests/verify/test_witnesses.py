"""What a stranger's verifiers say of witnesses: as the chain has it, by the reader's names, and no verdict."""

import json

import pytest

from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.attestations import attestations_address
from tests.tools import needs_browser
from tests.verify.browser import browser
from tests.verify.pins import PAGE
from verify import verify as script

EVIDENCE = b"\xe1" * 32


class Book:
    """Attestations of the trader's days, on the chain beside its record, and two who attest."""

    def __init__(self, node, contract=None) -> None:
        from eth_account import Account

        self._node = node
        self.contract = contract or node._deploy("Attestations", node.contract)
        self.smith, self.other = (Account.from_key(bytes([number]) * 32) for number in (7, 8))

    def send(self, who, function: str, *arguments) -> None:
        """Call a function that is about the trader's days."""
        self._called(who, self.contract.encode_abi(function, [self._node.trader, *arguments]))

    def publish(self, who, key: bytes) -> None:
        self._called(who, self.contract.encode_abi("publishKey", [key]))

    def _called(self, who, data: str) -> None:
        eth, node = self._node.web3.eth, self._node
        fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1, "chainId": node.chain_id}
        gift = {"to": who.address, "value": 10**17, "gas": 21_000, "nonce": eth.get_transaction_count(node.trader)}
        eth.send_raw_transaction(node.account.sign_transaction(gift | fees).raw_transaction)
        asked = {"to": self.contract.address, "data": data, "gas": 1_000_000, "value": 0}
        signed = who.sign_transaction(asked | fees | {"nonce": eth.get_transaction_count(who.address)})
        assert eth.get_transaction_receipt(eth.send_raw_transaction(signed.raw_transaction))["status"] == 1


@pytest.fixture(scope="module")
def book(shown):
    """`shown.posted` is attested by both; the correction of another day by one, who took it back."""
    book = Book(shown.node)
    posted, correction = (json.loads(shown.texts[name]) for name in ("posted", "correction"))
    for who, level in ((book.smith, 3), (book.smith, 19), (book.other, 1)):
        book.send(who, "attest", 20190717, 1, posted["root"], level, EVIDENCE)
    book.send(book.smith, "attest", 20190718, 2, correction["root"], 2, EVIDENCE)
    book.send(book.smith, "revoke", 20190718, 2, correction["root"], "the broker corrected it again")
    return book


def test_both_have_the_code_of_the_contract_and_so_its_address():
    code = artifact("Attestations")["bytecode"][2:]
    assert "".join(script.ATTESTATIONS.split()) == code
    for contract in ("0x" + "11" * 20, "0xfC644B512Fe4eb4DFd16b3E601bB46e30BE7aF6C"):
        assert script.attestations_of(contract) == attestations_address(contract).lower()


def test_who_is_named_is_told_with_level_and_time_and_the_others_are_counted(shown, book, verified):
    smith = book.smith.address.lower()
    asked = ("--rpc", shown.url, "--attestations", book.contract.address)
    code, said = verified(shown.texts["posted"], *asked, "--witness", f"{book.smith.address}=Smith Audit")
    at = book.contract.functions.attestationOf(
        book.smith.address, shown.node.trader, 20190717, 1, json.loads(shown.texts["posted"])["root"]
    ).call()[1]
    [told] = [line for line in said.splitlines() if "Smith Audit" in line]
    assert told.startswith(f"- witness Smith Audit ({smith}): broker_fetched, with windows, 1 of 1 days, at 20")
    assert script.timing("2019-07-17", at).split(" at ")[1].split(" UTC")[0] in told
    assert told.endswith("UTC, 0 revoked")
    assert "- 1 witness whose name you did not give" in said
    assert (code, said.splitlines()[-1]) == (0, "HOLDS")
    code, said = verified(shown.texts["posted"], *asked)
    assert "- 2 witnesses whose name you did not give" in said
    assert (code, said.splitlines()[-1]) == (0, "HOLDS")


def test_what_was_revoked_counts_for_nobody(shown, book, verified):
    asked = ("--rpc", shown.url, "--attestations", book.contract.address)
    smith = f"{book.smith.address}=Smith Audit"
    assert "0 of 1 days, 1 revoked" in verified(shown.texts["correction"], *asked, "--witness", smith)[1]
    assert "witness" not in verified(shown.texts["correction"], *asked)[1]


def test_no_attestation_changes_a_verdict(shown, book, verified):
    asked = ("--rpc", shown.url, "--attestations", book.contract.address, "--witness", f"{book.smith.address}=Smith")
    code, said = verified(shown.texts["other value"], *asked)
    assert (code, said.splitlines()[-1]) == (1, "DOES NOT HOLD")
    assert "witness" not in said
    assert "witness" not in verified(shown.texts["posted"], *asked[4:])[1]
    elsewhere = (*asked[:2], "--attestations", shown.node.contract, *asked[4:])
    code, said = verified(shown.texts["posted"], *elsewhere)
    assert "NOT CHECKED: which witnesses attest it" in said
    assert (code, said.splitlines()[-1]) == (0, "HOLDS")
    for wrong in ("0x12=Smith", f"{book.smith.address}", f"{book.smith.address}= "):
        assert verified(shown.texts["posted"], "--witness", wrong)[0] == 2
    assert verified(shown.texts["posted"], "--attestations", "0x12")[0] == 2


@pytest.fixture(scope="module")
def page():
    with browser() as page:
        page.open(PAGE)
        yield page


@needs_browser
def test_the_page_has_the_same_code_and_finds_the_same_address(page, shown):
    assert "".join(page.ask("fntx.ATTESTATIONS").split()) == artifact("Attestations")["bytecode"][2:]
    address = attestations_address(shown.node.contract)
    assert page.ask(f"fntx.attestationsOf({json.dumps(shown.node.contract)})") == address.lower()


@needs_browser
def test_the_page_says_what_the_script_says(page, shown, book, verified):
    smith, other = (f"{who.address}=Smith Audit" for who in (book.smith, book.other))
    asked = ("--rpc", shown.url, "--attestations", book.contract.address)
    for name in ("posted", "correction", "extended"):
        for named in ([], [smith], [smith, other]):
            said = verified(shown.texts[name], *asked, *(word for each in named for word in ("--witness", each)))[1]
            told = page.ask(
                f"""(() => {{
                    const day = {shown.texts[name]};
                    const names = fntx.witnessNames({json.dumps(", ".join(named))});
                    return fntx.witnessLines(day, [day], names, {json.dumps(shown.url)}, "{book.contract.address}");
                }})()"""
            )
            assert [f"- {line}" for line in told] == [
                line for line in said.splitlines() if "witness " in line or "witnesses " in line
            ]
    assert page.ask("fntx.witnessNames('0x12=Smith')") is None
    away = page.ask(
        f"""fntx.witnessLines({shown.texts["posted"]}, [{shown.texts["posted"]}], new Map(), "http://127.0.0.1:9/")"""
    )
    assert [line.split(" (")[0] for line in away] == ["NOT CHECKED: which witnesses attest it"]
