"""A Stellar network that does not exist: it takes envelopes, closes ledgers, keeps accounts and history.

One lock guards all of it. A transaction that is taken waits in a queue until the next ledger closes; the queue is lost
when the process ends, as a real node's is. What a ledger holds is written to the world's file before it can be read.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from stellar_sdk import Keypair

from fntx_dagster.simulate.horizon.entries import AccountEntry, Draft, account_from_json
from fntx_dagster.simulate.horizon.headers import TOTAL, StellarLedger, first_ledger, next_ledger
from fntx_dagster.simulate.horizon.results import TransactionVerdict, result_xdr
from fntx_dagster.simulate.horizon.transactions import LedgerRules, SubmittedTransaction, applied, decoded, judged
from fntx_dagster.simulate.horizon.worldfile import WorldFile, WrongWorld

TESTNET = "Test SDF Network ; September 2015"
Taken = Literal["PENDING", "DUPLICATE", "ERROR", "TRY_AGAIN_LATER"]


@dataclass(frozen=True)
class HistoryEntry:
    """A transaction in a ledger. `index`: its place in it, from 1. `fee` in stroops."""

    submitted: SubmittedTransaction
    verdict: TransactionVerdict
    ledger: int
    index: int
    closed_at: int
    fee: int

    @property
    def token(self) -> int:
        """Its number among all transactions, as Horizon counts."""
        return self.ledger << 32 | self.index << 12

    def result_xdr(self) -> str:
        """Its TransactionResult."""
        submitted = self.submitted
        return result_xdr(self.verdict, submitted.types(), self.fee, submitted.inner_hash)


class Answered(NamedTuple):
    """What the node says to an envelope. `verdict` where the status is ERROR."""

    status: Taken
    verdict: TransactionVerdict | None = None


class StellarNetwork:
    """The network. `root` holds all lumens at the start; its key follows from the passphrase, as in stellar-core."""

    def __init__(
        self,
        passphrase: str = TESTNET,
        *,
        base_fee: int = 100,
        base_reserve: int = 5_000_000,
        world: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.passphrase = passphrase
        self.root = Keypair.from_raw_ed25519_seed(hashlib.sha256(passphrase.encode()).digest())
        self.lock = threading.Condition()
        self.accounts: dict[str, AccountEntry] = {}
        self.ledgers: list[StellarLedger] = []
        self.history: list[HistoryEntry] = []
        self.by_hash: dict[str, HistoryEntry] = {}
        self.halted = False
        """No ledger closes by time."""
        self._clock = clock
        self._queue: dict[str, SubmittedTransaction] = {}
        self._file = WorldFile(world)
        for line in self._file.lines():
            self._read(line)
        if not self.ledgers:
            self._begin(first_ledger(base_fee, base_reserve, int(clock())))

    @property
    def last(self) -> StellarLedger:
        """The ledger that closed last."""
        return self.ledgers[-1]

    def submit(self, submitted: SubmittedTransaction) -> Answered:
        """Take a transaction into the queue, or say why not. One account has one transaction in it at most."""
        with self.lock:
            if submitted.hash in self._queue:
                return Answered("DUPLICATE")
            if any(submitted.source == waiting.source for waiting in self._queue.values()):
                return Answered("TRY_AGAIN_LATER")
            closed = self.last.closed_at
            rules = LedgerRules(self.last.base_fee, closed, max(closed, int(self._clock())))
            verdict = judged(submitted, self._draft(), rules)
            if verdict is not None:
                return Answered("ERROR", verdict)
            self._queue[submitted.hash] = submitted
            return Answered("PENDING")

    def entry(self, digest: str) -> HistoryEntry | None:
        """A transaction in a ledger, by its hash or that of the transaction in its fee bump."""
        with self.lock:
            return self.by_hash.get(digest)

    def wait_for(self, digest: str, seconds: float) -> HistoryEntry | None:
        """The same, once it is there; None after so many seconds."""
        with self.lock:
            self.lock.wait_for(lambda: digest in self.by_hash, seconds)
            return self.by_hash.get(digest)

    def close(self, seconds: int = 1) -> StellarLedger:
        """Close a ledger over what waits, `seconds` or more after the last one by the ledgers' own time."""
        with self.lock:
            closed_at = max(int(self._clock()), self.last.closed_at + max(seconds, 1))
            rules = LedgerRules(self.last.base_fee, closed_at, closed_at)
            draft = self._draft()._replace(ledger=self.last.sequence + 1)
            ready = [each for each in sorted(self._queue.values(), key=_shuffled) if not judged(each, draft, rules)]
            self._queue.clear()
            fee_pool = self.last.fee_pool
            fees = {each.hash: self._charge(each, draft) for each in ready}
            entries = []
            for index, each in enumerate(ready, 1):
                verdict = applied(each, draft, rules)
                entries.append(HistoryEntry(each, verdict, draft.ledger, index, closed_at, fees[each.hash]))
            changed = {
                key: replace(account, ledger=draft.ledger) if account else None
                for key, account in draft.accounts.maps[0].items()
            }
            ledger = next_ledger(self.last, closed_at, fee_pool + sum(fees.values()), tuple(fees), _counts(entries))
            self._file.add(_written(changed, ledger, entries))
            self._change(changed)
            self.ledgers.append(ledger)
            self._remember(entries)
            return ledger

    def put(self, account: AccountEntry) -> None:
        """Set an account without a transaction: how a world begins, or what somebody else did to it meanwhile."""
        with self.lock:
            self._file.add(_written({account.account_id: account}))
            self._change({account.account_id: account})

    def give(self, account: AccountEntry) -> None:
        """Set an account up with lumens of the root, without a transaction."""
        with self.lock:
            root = self.accounts[self.root.public_key]
            self.put(replace(root, balance=root.balance - account.balance))
            self.put(account)

    def _draft(self) -> Draft:
        base: dict[str, AccountEntry | None] = dict(self.accounts)
        return Draft(ChainMap({}, base), self.last.base_reserve, self.last.sequence)

    def _charge(self, submitted: SubmittedTransaction, draft: Draft) -> int:
        payer = draft.accounts[submitted.fee_source]
        assert payer is not None
        fee = min(submitted.fee, self.last.base_fee * submitted.counted_operations, payer.balance)
        draft.accounts[submitted.fee_source] = replace(payer, balance=payer.balance - fee)
        return fee

    def _change(self, changed: dict[str, AccountEntry | None]) -> None:
        for key, account in changed.items():
            if account is None:
                self.accounts.pop(key, None)
            else:
                self.accounts[key] = account

    def _remember(self, entries: list[HistoryEntry]) -> None:
        for entry in entries:
            self.history.append(entry)
            self.by_hash[entry.submitted.hash] = entry
            if entry.submitted.inner_hash:
                self.by_hash[entry.submitted.inner_hash] = entry
        self.lock.notify_all()

    def _begin(self, ledger: StellarLedger) -> None:
        """The first ledger: all lumens that nobody else has are the root's."""
        root = self.root.public_key
        others = sum(account.balance for key, account in self.accounts.items() if key != root)
        self.accounts[root] = AccountEntry(root, TOTAL - others, 0)
        self.ledgers.append(ledger)
        self._file.add({"passphrase": self.passphrase, **_written(dict(self.accounts), ledger)})

    def _read(self, line: dict[str, Any]) -> None:
        """Take over a line of the world's file."""
        if line.get("passphrase", self.passphrase) != self.passphrase:
            raise WrongWorld("the world's file is of another network")
        self._change({key: values and account_from_json(values) for key, values in line.get("accounts", {}).items()})
        if "ledger" in line:
            self.ledgers.append(StellarLedger(**line["ledger"]))
        with self.lock:
            self._remember([self._entry(index, row) for index, row in enumerate(line.get("transactions", []), 1)])

    def _entry(self, index: int, row: dict[str, Any]) -> HistoryEntry:
        verdict = TransactionVerdict(row["code"], tuple(row["operations"]), row["merged"], row["bumped"])
        submitted = decoded(row["xdr"], self.passphrase)
        return HistoryEntry(submitted, verdict, self.last.sequence, index, self.last.closed_at, row["fee"])


def _written(
    accounts: Mapping[str, AccountEntry | None],
    ledger: StellarLedger | None = None,
    entries: Sequence[HistoryEntry] = (),
) -> dict[str, Any]:
    """A line of the world's file: what changed."""
    line: dict[str, Any] = {"accounts": {key: account and account.as_json() for key, account in accounts.items()}}
    if ledger is not None:
        line["ledger"] = asdict(ledger)
    if entries:
        line["transactions"] = [
            {"xdr": entry.submitted.xdr, **entry.verdict._asdict(), "fee": entry.fee} for entry in entries
        ]
    return line


def _shuffled(submitted: SubmittedTransaction) -> str:
    """The order within a ledger: nobody can choose it."""
    return submitted.hash


def _counts(entries: Sequence[HistoryEntry]) -> tuple[int, int, int, int]:
    good = [entry for entry in entries if entry.verdict.successful]
    operations = sum(len(entry.submitted.operations) for entry in good)
    every = sum(len(entry.submitted.operations) for entry in entries)
    return len(good), len(entries) - len(good), operations, every
