"""One ledger and its history: transactions are taken, tried on the open ledger, and closed into the next.

The state is one JSON document (`document`, `restored`), so that a process which is killed goes on from a file. Of the
ledgers before the last one only headers and transactions are kept there; in memory, some states too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from fntx_dagster.simulate.xrpl.codes import SUCCESS, claims_fee
from fntx_dagster.simulate.xrpl.engine import (
    EngineVerdict,
    LedgerToCome,
    SentTransaction,
    attempt,
    read_blob,
    required_fee,
)
from fntx_dagster.simulate.xrpl.entries import LedgerEntry, account_id, half_hash, new_root
from fntx_dagster.simulate.xrpl.view import NetworkRules, TrialState

GENESIS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
"""Has all XRP at first; its key comes from the word `masterpassphrase`, as in every ledger that stands alone."""
ALL_DROPS = 100_000_000_000_000_000
EPOCH = 946_684_800
"""Seconds from 1970 to 2000, from where the ledger counts."""
_STATES_KEPT = 128
_PASSES = 8


class ClosedLedger(NamedTuple):
    """A validated ledger."""

    ledger_index: int
    ledger_hash: str
    parent_hash: str
    close_time: int
    total_drops: int
    transactions: Sequence[str]


class ValidatedTransaction(NamedTuple):
    """A transaction in a validated ledger."""

    blob: str
    ledger_index: int
    position: int
    code: str
    nodes: tuple[dict[str, Any], ...]
    delivered: Any

    @property
    def meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = {
            "AffectedNodes": list(self.nodes),
            "TransactionIndex": self.position,
            "TransactionResult": self.code,
        }
        return meta if self.delivered is None else meta | {"delivered_amount": self.delivered}


class FirstVerdict(NamedTuple):
    """What `submit` says at once."""

    sent: SentTransaction
    code: str
    applied: bool = False
    queued: bool = False
    kept: bool = False
    nodes: tuple[dict[str, Any], ...] = ()


@dataclass
class XrplLedger:
    """A network of one server. Not safe between threads: who serves it holds a lock."""

    rules: NetworkRules = field(default_factory=NetworkRules)
    entries: dict[str, LedgerEntry] = field(default_factory=dict)
    """The state of the last validated ledger."""
    ledgers: list[ClosedLedger] = field(default_factory=list)
    transactions: dict[str, ValidatedTransaction] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    """Hash → bytes of what was taken and is in no validated ledger, in the order of arrival."""
    open_fee: int | None = None
    """Drops that get into the open ledger at once; less is queued. None: the base fee."""
    first_kept: int = 0
    """The first ledger of the history that this server has."""
    unclosing: int = 0
    """So many times a ledger does not close when it should."""
    clock: Callable[[], float] = time.time
    states: dict[int, Mapping[str, LedgerEntry]] = field(default_factory=dict)
    _applied: set[str] = field(default_factory=set)
    """Hashes of what is in the open ledger."""

    def __post_init__(self) -> None:
        self.open = self._fresh()

    @property
    def last(self) -> ClosedLedger:
        return self.ledgers[-1]

    @property
    def coming(self) -> LedgerToCome:
        return LedgerToCome(self.rules, self.last.ledger_index + 1, self.last.close_time)

    def header(self, index: int) -> ClosedLedger | None:
        """A validated ledger of the history that is kept."""
        at = index - self.ledgers[0].ledger_index
        return self.ledgers[at] if index >= self.first_kept and 0 <= at < len(self.ledgers) else None

    def submit(self, blob: str, *, fail_hard: bool = False) -> FirstVerdict:
        """Take a transaction, or refuse it. Raises ValueError where the bytes are none."""
        sent = read_blob(blob)
        taken = sent.transaction_id in self.waiting
        verdict = attempt(self.open, sent, self.coming) if not self._queues(sent) else self._dry(sent)
        if verdict.code == SUCCESS and self._queues(sent):
            self.waiting[sent.transaction_id] = sent.blob
            return FirstVerdict(sent, "terQUEUED", queued=True, kept=True)
        if verdict.is_in:
            self.waiting[sent.transaction_id] = sent.blob
            self._applied.add(sent.transaction_id)
            self._try_held()
            return FirstVerdict(sent, verdict.code, applied=True, nodes=verdict.nodes)
        keeps = verdict.code.startswith("ter") and not fail_hard and not self._is_late(sent)
        if keeps and not taken:
            self.waiting[sent.transaction_id] = sent.blob
        return FirstVerdict(sent, verdict.code, kept=keeps)

    def simulate(self, sent: SentTransaction) -> EngineVerdict:
        """What a transaction that nobody signed would do now."""
        return attempt(TrialState(self.open), sent, self.coming, signed=False)

    def close(self) -> ClosedLedger | None:
        """Close the open ledger, in canonical order. None where it does not close this time."""
        if self.unclosing:
            self.unclosing -= 1
            return None
        view = TrialState(self.entries)
        coming = replace(self.coming, is_open=False, retries=True)
        validated = self._validated_in(view, coming)
        before, drops = self.last, self.last.total_drops
        drops -= sum(int(read_blob(each.blob).tx["Fee"]) for each in validated.values())
        close_time = max(int(self.clock()) - EPOCH, before.close_time + 1)
        self._settle(view.changed)
        self.ledgers.append(_closed(coming.ledger_index, before.ledger_hash, close_time, drops, validated))
        self.transactions |= validated
        self._remember()
        self.open, self._applied = self._fresh(), set()
        self._try_held()
        return self.last

    def replace_entry(self, entry: LedgerEntry) -> None:
        """Put an entry into the last ledger's state, as if a transaction had done it; what is open begins anew."""
        self.entries = {**self.entries, entry["index"]: entry}
        self.open, self._applied = self._fresh(), set()
        self._try_held()

    def _queues(self, sent: SentTransaction) -> bool:
        """Whether a fee is enough for the network and too low for the open ledger."""
        if self.open_fee is None or not str(sent.tx.get("Fee", "")).isdigit():
            return False
        needed = required_fee(sent.tx, self.rules)
        return needed <= int(sent.tx["Fee"]) < needed * self.open_fee // self.rules.base_fee

    def _dry(self, sent: SentTransaction) -> EngineVerdict:
        return attempt(TrialState(self.open), sent, self.coming)

    def _validated_in(self, view: TrialState, coming: LedgerToCome) -> dict[str, ValidatedTransaction]:
        """Apply what waits until nothing more gets in; a tec counts in the last pass alone."""
        sent = sorted(map(read_blob, self.waiting.values()), key=_canonical(self.last.ledger_hash))
        validated: dict[str, ValidatedTransaction] = {}
        for is_last in (False,) * _PASSES + (True,):
            coming = replace(coming, retries=not is_last)
            for each in [one for one in sent if one.transaction_id not in validated]:
                verdict = attempt(view, each, coming)
                if verdict.is_in:
                    position = len(validated)
                    validated[each.transaction_id] = ValidatedTransaction(
                        each.blob, coming.ledger_index, position, verdict.code, verdict.nodes, verdict.delivered
                    )
                elif not verdict.code.startswith("ter") and not claims_fee(verdict.code):
                    self.waiting.pop(each.transaction_id, None)
        for each in validated:
            self.waiting.pop(each, None)
        return validated

    def _settle(self, changed: Mapping[str, LedgerEntry | None]) -> None:
        entries = dict(self.entries)
        for index, entry in changed.items():
            if entry is None:
                entries.pop(index, None)
            else:
                entries[index] = entry
        self.entries = entries

    def _fresh(self) -> TrialState:
        """The open ledger before any transaction."""
        return TrialState(self.entries)

    def _try_held(self) -> None:
        """Let what waited for something else in again; what can never get in is dropped."""
        again = True
        while again:
            again = False
            for transaction_id, blob in list(self.waiting.items()):
                if transaction_id in self._applied:
                    continue
                sent = read_blob(blob)
                verdict = self._dry(sent) if self._queues(sent) else attempt(self.open, sent, self.coming)
                if verdict.is_in and not self._queues(sent):
                    self._applied.add(transaction_id)
                    again = True
                elif not verdict.is_in and (not verdict.code.startswith("ter") or self._is_late(sent)):
                    del self.waiting[transaction_id]

    def _is_late(self, sent: SentTransaction) -> bool:
        """Whether no ledger can hold a transaction any more."""
        return self.coming.ledger_index > sent.tx.get("LastLedgerSequence", self.coming.ledger_index)

    def _remember(self) -> None:
        self.states[self.last.ledger_index] = self.entries
        for index in sorted(self.states)[:-_STATES_KEPT]:
            del self.states[index]

    def document(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "rules": asdict(self.rules),
            "entries": list(self.entries.values()),
            "ledgers": [list(each) for each in self.ledgers],
            "transactions": {name: list(each) for name, each in self.transactions.items()},
            "waiting": self.waiting,
            "open_fee": self.open_fee,
            "first_kept": self.first_kept,
        }


def new_ledger(
    funded: Mapping[str, int], rules: NetworkRules | None = None, clock: Callable[[], float] = time.time
) -> XrplLedger:
    """A ledger whose accounts have so many drops; the rest of all XRP is with the first account."""
    first = 2  # the ledger in which the accounts were there from the start
    given = dict(funded)
    given[GENESIS] = ALL_DROPS - sum(drops for address, drops in given.items() if address != GENESIS)
    entries = [new_root(address, drops, first) for address, drops in given.items()]
    ledger = _with({entry["index"]: entry for entry in entries}, rules or NetworkRules(), clock)
    ledger.ledgers = [_closed(first, "0" * 64, int(clock()) - EPOCH, ALL_DROPS, {})]
    ledger.first_kept = first
    ledger._remember()
    return ledger


def restored(document: Mapping[str, Any], clock: Callable[[], float] = time.time) -> XrplLedger:
    """A ledger that was written with `document`."""
    ledger = _with({each["index"]: each for each in document["entries"]}, NetworkRules(**document["rules"]), clock)
    ledger.ledgers = [ClosedLedger(*each) for each in document["ledgers"]]
    ledger.transactions = {name: ValidatedTransaction(*each) for name, each in document["transactions"].items()}
    ledger.waiting = dict(document["waiting"])
    ledger.open_fee, ledger.first_kept = document["open_fee"], document["first_kept"]
    ledger._remember()
    ledger._try_held()
    return ledger


def _with(entries: dict[str, LedgerEntry], rules: NetworkRules, clock: Callable[[], float]) -> XrplLedger:
    return XrplLedger(rules, entries, clock=clock)


def _canonical(salt: str) -> Callable[[SentTransaction], tuple[str, bool, int, str]]:
    """The order in a ledger: accounts as the salt shuffles them, each one's sequences in turn, then its tickets."""

    def key(sent: SentTransaction) -> tuple[str, bool, int, str]:
        ticket = sent.tx.get("TicketSequence")
        account = half_hash(bytes.fromhex(salt) + account_id(sent.tx["Account"]))
        return account, ticket is not None, ticket or sent.tx["Sequence"], sent.transaction_id

    return key


def _closed(index: int, parent: str, close_time: int, drops: int, transactions: Iterable[str]) -> ClosedLedger:
    names = tuple(transactions)
    content = "".join((parent, f"{index:08x}{close_time:08x}{drops:016x}", *names))
    return ClosedLedger(index, half_hash(b"LWR\x00" + bytes.fromhex(content)), parent, close_time, drops, names)
