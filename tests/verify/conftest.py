"""A chain with the contracts on it and one trader, its own deployer, who posts what a test wants to have posted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from fntx_dagster.accounting.calendar import LONGEST_CLOSURE, sessions
from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.metrics.catalogue import CATALOGUE, EXTENSION, Catalogue, letters
from fntx_dagster.periods.proving import prove
from fntx_dagster.proof.disclosure import disclose, scaled_root
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import Record, build_record
from fntx_dagster.proof.salts import SaltForm
from tests.periods.examples import book, proved
from tests.verify.attack import forge
from tests.verify.audit_logs import Log
from tests.verify.cases import forged
from tests.verify.ledgers import Ledgers
from tests.verify.ledgers import served as serve_ledgers
from verify import verify as script

KEY = b"\x02" * 32
SECRET = bytes(range(32))
STRANGER = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
"""A trader who never posted anything."""


class Node:
    """The embedded chain, its contracts, and the trader's own small sender."""

    def __init__(self, provider, account) -> None:
        from web3 import Web3

        self._roots: dict[tuple[str, int, int], str] = {}
        self.provider, self.account, self.trader = provider, account, account.address
        self.web3 = Web3(provider)
        self.web3.eth.default_account = account.address
        self.chain_id = self.web3.eth.chain_id
        self.fntx = self._deploy("FNTX")
        self.record = self._deploy("TrackRecord", self.fntx.address)
        self.send(self.fntx.address, self.fntx.encode_abi("approve", [self.record.address, 2**256 - 1]))
        self.contract = self.record.address

    def context(self, day: date, catalogue: Catalogue = CATALOGUE, **others) -> Context:
        """What a record of the trader's is bound to."""
        bound = {"chain_id": self.chain_id, "contract": self.contract, "trader": self.trader, **others}
        return Context(schema_hash_of(catalogue.canonical()), day=day, **bound)

    def post(self, records: Sequence[Record]) -> str:
        """Post records of one catalogue in one transaction; its hash."""
        arguments = [records[0].context.schema_hash, [_number(each) for each in records], [r.root for r in records]]
        return self.send(self.contract, self.record.encode_abi("postDailyRecords", arguments))

    def amend(self, record: Record, previous: Record, reason: str) -> str:
        arguments = [_number(record), previous.root, record.context.schema_hash, record.root, reason]
        return self.send(self.contract, self.record.encode_abi("amendDailyRecord", arguments))

    def root_of(self, trader: str, day: int, version: int) -> str:
        """The root that the contract holds, zeros where it holds none."""
        asked = (trader, day, version)
        if asked not in self._roots:
            self._roots[asked] = f"0x{self._says('versionOf', [*asked])[:32].hex()}"
        return self._roots[asked]

    def finds(self, trader: str, day: int, version: int, index: int, scaled: int, salt: bytes, path: list) -> bool:
        """What the contract says of one metric."""
        return int.from_bytes(self._says("verifyMetric", [trader, day, version, index, scaled, salt, path]), "big") == 1

    def _says(self, function: str, arguments: list) -> bytes:
        """The answer of the contract's code, run by the EVM on the chain's state: thousands are asked for."""
        target = bytes.fromhex(self.contract[2:])
        computation = self._vm.execute_bytecode(
            origin=target,
            gas_price=0,
            gas=10_000_000,
            to=target,
            sender=target,
            value=0,
            data=bytes.fromhex(self.record.encode_abi(function, arguments)[2:]),
            code=self._vm.state.get_code(target),
        )
        computation.raise_if_error()
        return computation.output

    @cached_property
    def _vm(self):
        return self.provider.ethereum_tester.backend.chain.get_vm()

    def _deploy(self, name: str, *arguments):
        made = artifact(name)
        contract = self.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        tx_hash = self.send("", contract.constructor(*arguments).data_in_transaction)
        address = self.web3.eth.get_transaction_receipt(tx_hash)["contractAddress"]
        return self.web3.eth.contract(address=address, abi=made["abi"])

    def send(self, to: str, data: str) -> str:
        """Send call data, or with no `to` init code, from the trader; the transaction's hash."""
        call = {"to": to, "value": 0, "data": data, "gas": 16_000_000, "chainId": self.chain_id}
        fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}
        nonce = self.web3.eth.get_transaction_count(self.trader)
        signed = self.account.sign_transaction({**call, **fees, "nonce": nonce})
        tx_hash = self.web3.eth.send_raw_transaction(signed.raw_transaction).to_0x_hex()
        assert self.web3.eth.get_transaction_receipt(tx_hash)["status"] == 1
        self._roots.clear()
        self.__dict__.pop("_vm", None)
        return tx_hash


def chain_of(folder: Path) -> Iterator[Node]:
    """A chain of its own, with the contracts and the trader."""
    from eth_account import Account

    from fntx_dagster.adapters.evm.embedded import EmbeddedProvider

    account = Account.from_key(KEY)
    provider = EmbeddedProvider(folder / "chain.sqlite", account.address)
    yield Node(provider, account)
    provider.close()


@pytest.fixture(scope="session")
def node(tmp_path_factory) -> Iterator[Node]:
    yield from chain_of(tmp_path_factory.mktemp("chain"))


def with_extension(
    node: Node, day: date, of_record: dict[int, int | None], of_extension: dict[int, int | None]
) -> tuple[Record, Record]:
    """A record of the trader's and the extension whose root is in its slot 63."""
    tree = build_record(node.context(day, EXTENSION), "U0000001", of_extension, SECRET, salt_form=SaltForm.RECORD)
    values = of_record | {63: scaled_root(tree.root)}
    return build_record(node.context(day), "U0000001", values, SECRET, salt_form=SaltForm.RECORD), tree


def _number(record: Record) -> int:
    return int(record.context.day.strftime("%Y%m%d"))


class Shown(NamedTuple):
    """Disclosures for a stranger, by what is true of them, and the URL of a node that knows."""

    url: str
    node: Node
    texts: dict[str, str]
    root: str
    """Of the record that `posted` is a disclosure of."""


@pytest.fixture(scope="session")
def shown(node) -> Iterator[Shown]:
    from fntx_dagster.adapters.evm.served import serve

    days = [date(2019, 7, day) for day in (17, 18, 19)]
    values = dict.fromkeys(range(59), 0) | {13: -1_250_000_000, 30: None, 57: letters("HKD")}
    posted, corrected, unposted = (
        build_record(node.context(day), "U0000001", values, SECRET, salt_form=SaltForm.RECORD) for day in days
    )
    second = build_record(corrected.context, "U0000001", values | {13: 1}, SECRET, version=2, salt_form=SaltForm.RECORD)
    first_hash = node.post([posted, corrected])
    extended, tree = with_extension(node, date(2019, 7, 22), {13: -1_250_000_000}, {4: 3, 5: None})
    extended_hash = node.post([extended])
    other, other_tree = with_extension(node, date(2019, 7, 22), {13: -1_250_000_000}, {4: 4})
    second_hash = node.amend(second, corrected, "the broker corrected a commission")
    names = ["net_pnl", "delta", "base_currency"]
    texts = {
        "posted": disclose(posted, CATALOGUE, names, first_hash),
        "superseded": disclose(corrected, CATALOGUE, names, first_hash),
        "correction": disclose(second, CATALOGUE, names, second_hash),
        "amount alone": disclose(posted, CATALOGUE, ["net_pnl"], first_hash),
        "not posted": disclose(unposted, CATALOGUE, names),
        "other transaction": disclose(posted, CATALOGUE, names, second_hash),
        "unknown transaction": disclose(posted, CATALOGUE, names, "0x" + "12" * 32),
        "extended": disclose(extended, CATALOGUE, ["net_pnl", "wins", "losses"], extended_hash, (tree, EXTENSION)),
        "extension alone": disclose(extended, CATALOGUE, ["wins"], extended_hash, (tree, EXTENSION)),
        "extended, not posted": disclose(other, CATALOGUE, ["wins"], extended_hash, (other_tree, EXTENSION)),
    }
    content = json.loads(texts["extended"])
    content["extension"]["metrics"][0]["scaled"] = "4"
    texts["extended, other value"] = forged(content)
    content = json.loads(texts["extended"])
    content["extension"]["salt"] = "0x" + "11" * 32
    texts["extended, other salt of slot 63"] = forged(content)
    for name, change in _CHANGES.items():
        content = json.loads(texts["posted"])
        change(content)
        texts[name] = forged(content)
    forgery = forge(node, STRANGER, days[1], int(datetime(2019, 7, 18, 20, 5, tzinfo=UTC).timestamp()), values)
    texts["forged by the deployment"] = disclose(forgery.record, CATALOGUE, names, forgery.tx_hash)
    texts["forged, no transaction named"] = disclose(forgery.record, CATALOGUE, names)
    texts["forged, another's transaction"] = disclose(forgery.record, CATALOGUE, names, first_hash)
    texts["no transaction named"] = disclose(posted, CATALOGUE, names)
    with serve(node.provider) as url:
        yield Shown(url, node, texts, f"0x{posted.root.hex()}")


def _other_record(content) -> None:
    """A record of one's own, which agrees with itself and was never posted."""
    entry = content["metrics"][0]
    context = Context(
        schema_hash_of(content["catalogue"].encode()),
        int(content["chain_id"]),
        content["contract"],
        content["trader"],
        date.fromisoformat(content["date"]),
    )
    record = build_record(context, "U0000009", {entry["index"]: 10**12}, SECRET, salt_form=SaltForm.RECORD)
    content["root"] = f"0x{record.root.hex()}"
    path = [f"0x{sibling.hex()}" for sibling in record.proof(entry["index"])]
    content["metrics"] = [{**entry, "scaled": str(10**12), "salt": f"0x{record.salts[13].hex()}", "path": path}]


def _other_value(content) -> None:
    content["metrics"][0]["scaled"] = "99900000000"


_CHANGES = {
    "other record": _other_record,
    "other value": _other_value,
    "other chain": lambda content: content.update(chain_id="1"),
}


class Posted(NamedTuple):
    """A period's days on a chain, and a node of it."""

    url: str
    texts: dict[str, str]


@pytest.fixture(scope="session")
def posted(node) -> Iterator[Posted]:
    """Five sessions of a week, of which the fourth was amended, and the newest session that is over; and what somebody
    may make of them."""
    bound = {"trader": node.trader.lower(), "contract": node.contract, "chain_id": node.chain_id}
    days = book(5, first=date(2018, 3, 5), **bound)
    amended = book(5, first=date(2018, 3, 5), version=2, **bound)[3]
    records = [SimpleNamespace(context=day.context, root=day.row.root) for day in (*days, amended)]
    first, second = node.post(records[:3]), node.post(records[3:5])
    third = node.amend(records[5], records[3], "the broker corrected a commission")
    named_in = [first, first, first, third, second]
    latest = [
        day.__class__(day.context, day.row._replace(transaction=transaction), day.committed)
        for day, transaction in zip([*days[:3], amended, days[4]], named_in, strict=True)
    ]
    items = ["net_pnl", "twr", "squares", "chained"]
    wrong = [day.__class__(day.context, day.row._replace(transaction=second), day.committed) for day in latest]
    now = datetime.now(UTC)
    newest = [each.day for each in sessions(now.date() - LONGEST_CLOSURE, now.date()) if each.closes_at <= now][-1]
    [alone] = book(1, first=newest, **bound)
    posted_now = node.post([SimpleNamespace(context=alone.context, root=alone.row.root)])
    alone = alone.__class__(alone.context, alone.row._replace(transaction=posted_now), alone.committed)
    texts = {
        "ends never": prove([[alone]], ["net_pnl"], newest, date.max),
        "of all times": prove([latest], ["net_pnl"], date(1970, 1, 1), date.max),
        "of two": prove(
            [latest, book(5, seed=9, first=date(2018, 3, 5))], ["net_pnl"], date(2018, 3, 5), date(2018, 3, 9)
        ),
        "good": proved(latest, items, "a bank"),
        "unnamed": proved([latest[0], *days[1:3], *latest[3:]], items),
        "left out": proved([*latest[:2], *latest[3:]], ["net_pnl"]),
        "old version": proved([*latest[:3], days[3], latest[4]], ["net_pnl"]),
        "never posted": proved(book(5, seed=9, first=date(2018, 3, 5), **bound), ["net_pnl"]),
        "other transaction": proved(wrong, ["net_pnl"]),
    }
    from fntx_dagster.adapters.evm.served import serve

    with serve(node.provider) as url:
        yield Posted(url, texts)


@pytest.fixture
def verified(tmp_path, capsys, monkeypatch):
    """verify.py on a text, with options: its exit code and what it prints."""

    def run(text, *arguments):
        file = tmp_path / "disclosure.json"
        file.write_text(text)
        monkeypatch.setattr(sys, "argv", ["verify.py", str(file), *arguments])
        try:
            code = script.main()
        except SystemExit as stop:
            code = stop.code
        return code, capsys.readouterr().out

    return run


class Audited(NamedTuple):
    """An audit log whose checkpoints of 3, 5, 8 and 13 events are on three ledgers: the proof of an event under the one
    of 8, the options that name a server of each, and its anchors on the EVM chain by size."""

    log: Log
    proof: dict
    urls: list[str]
    on_evm: dict[int, dict]
    poster: str


@pytest.fixture(scope="session")
def audited(node) -> Iterator[Audited]:
    from fntx_dagster.adapters.evm.served import serve as serve_node

    log, ledgers, on_evm, others = Log(), Ledgers(), {}, []
    contract = node._deploy("AuditAnchor")
    for number, size in enumerate((3, 5, 8, 13)):
        others.append(ledgers.anchor_on_xrpl(log, size, f"{number:064}", 2000 + number))
        others.append(ledgers.anchor_on_stellar(log, size, f"{number:064}", 77 + number))
        tx_hash = node.send(contract.address, contract.encode_abi("post", [log.origin_hash, size, log.root(size)]))
        block = node.web3.eth.get_transaction_receipt(tx_hash)["blockNumber"]
        on_evm[size] = log.on_evm(size, node.chain_id, contract.address, tx_hash, block)
    with serve_node(node.provider) as node_url, serve_ledgers(ledgers) as url:
        urls = ["--xrpl", url, "--horizon", url, "--rpc", node_url]
        yield Audited(log, log.proof(2, 8, [*others[4:6], on_evm[8]], 5), urls, on_evm, node.trader)
