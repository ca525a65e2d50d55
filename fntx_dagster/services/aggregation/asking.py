"""What the chain says of an epoch record that holds by itself, and the outcome of its whole check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.adapters.evm.pool_reading import PoolBook
from fntx_dagster.aggregate.commitments import digest_of
from fntx_dagster.aggregate.committee import points_of
from fntx_dagster.aggregate.epoch import EpochRecord
from fntx_dagster.aggregate.submission import commitments_of
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, CATALOGUES, digest_value
from fntx_dagster.model.pools import PoolSubmission
from fntx_dagster.proof.form import hex_of
from fntx_dagster.proof.leaves import schema_hash_of
from fntx_dagster.services.signatures.checking import SETTLED
from fntx_dagster.services.signatures.outcomes import exit_code_of, verdict_of

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader

STEPS = {
    "code": "whether the contracts' rules are FNTX's, and the pool's those of the file",
    "events": "whether these are all submissions of the day, and all evictions",
    "records": "whether each submission is of the trader's signed record",
    "sums": "whether the contract holds these sums and totals",
}
"""What only a chain can say, in the order in which it is asked."""

_FALSE_FIGURES = "whether the traders' figures are true: each signed them in a record, and can be asked to show it"
_WHO = "who the trustees are, and whether any of them read single submissions together"


class CheckedEpoch(NamedTuple):
    """The outcome. `problems`: why it does not hold; `unchecked`: those of STEPS that were not made, and why; `away`:
    why a node that was named gave no verdict; `notes`: what a reader should know beside the verdict."""

    record: EpochRecord | None
    problems: tuple[str, ...]
    unchecked: Mapping[str, str]
    notes: tuple[str, ...] = ()
    away: str | None = None

    @property
    def holds(self) -> bool:
        """No check failed. A check that could not be made, because a node did not answer, is no failure."""
        return not self.problems

    @property
    def on_chain(self) -> bool | None:
        """Whether the chain says so too; None: no node was asked, or it gave no verdict."""
        return None if "code" in self.unchecked else not self.problems

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What nobody has looked at, in words."""
        return (*(f"{STEPS[step]} ({why})" for step, why in self.unchecked.items()), _FALSE_FIGURES, _WHO)

    @property
    def verdict(self) -> str:
        """In the words of all verifiers."""
        return verdict_of(self.problems, self.unchecked, self.away)

    @property
    def exit_code(self) -> int:
        """0 it holds, 1 it does not, 75 the node gave no verdict."""
        return exit_code_of(self.problems, is_undecided=self.away is not None)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        record = self.record
        return {
            "verdict": self.verdict,
            "holds": self.holds,
            "on_chain": self.on_chain,
            "problems": self.problems,
            "notes": self.notes,
            "not_checked": self.not_checked,
            "epoch": None
            if record is None
            else {
                "chain_id": record.pool.chain_id,
                "aggregator": record.pool.aggregator,
                "date": record.day,
                "currency": record.rules.currency,
                "scale": record.rules.scale,
                "min_users": record.rules.min_users,
                "submissions": len(record.submissions),
                "evicted": len(record.submissions) - len(record.counted),
            },
            "totals": None if record is None or self.problems else record.totals._asdict(),
        }


def asked(chain: Reader, record: EpochRecord) -> CheckedEpoch:
    """A record that holds by itself, against the chain of a reader of its TrackRecord."""
    book = PoolBook(chain, record.pool.aggregator)
    for step, check in (("code", _of_code), ("events", _of_events), ("records", _of_records), ("sums", _of_sums)):
        if problems := tuple(check(book, record)):
            after = list(STEPS)[list(STEPS).index(step) + 1 :]
            return CheckedEpoch(record, problems, dict.fromkeys(after, "the check ended before it"))
    return CheckedEpoch(record, (), {}, tuple(_notes(book, record)))


def _of_code(book: PoolBook, record: EpochRecord) -> Iterator[str]:
    if not book.chain.runs_our_code():
        yield f"the contract {record.track_record} is not FNTX's TrackRecord"
        return
    try:
        book.check_deployed()
    except Permanent as error:
        yield error.message
        return
    terms = book.terms()
    said = {
        "rules": (terms.rules, record.rules),
        "TrackRecord": (terms.records.lower(), record.track_record),
        "verifier": (terms.verifier.lower(), record.verifier),
        "threshold": (terms.threshold, record.threshold),
        "trustees": ([each.lower() for each in terms.trustees], [each.address for each in record.trustees]),
        "box keys": (list(terms.box_keys), [each.box_key for each in record.trustees]),
        "key": (terms.key, record.key),
        "verification keys": (list(terms.verification_keys), [each.verification_key for each in record.trustees]),
    }
    yield from (f"the contract has another {name}" for name, (held, told) in said.items() if held != told)


def _of_events(book: PoolBook, record: EpochRecord) -> Iterator[str]:
    if tuple(book.submissions(record.day)) != record.submissions:
        yield "the chain's submissions and evictions of the day are not those of the file"
    if book.opening(record.day) != record.opening:
        yield "the chain's opening of the day is not that of the file"
    if book.contributions() != {number: tuple(each.contribution) for number, each in enumerate(record.trustees)}:
        yield "what the trustees contributed on the chain, each by a transaction of his own, is not that of the file"
    if book.confirmed() != {*range(len(record.trustees))}:
        yield "not every trustee confirmed the key, by a transaction of his own"


def _of_records(book: PoolBook, record: EpochRecord) -> Iterator[str]:
    published = {
        schema_hash_of(each.canonical())
        for each in CATALOGUES
        if any(metric.name == AGGREGATION_COMMITMENTS and metric.index == record.rules.slot for metric in each.metrics)
    }
    for each in record.counted:
        held = book.chain.version_of(each.trader, record.day, each.version)
        if held is None or held.record.schema_hash not in published:
            yield f"version {each.version} of the record of {each.trader} is not of a published catalogue with the slot"
        elif not _is_signed(book.chain, record, each):
            yield f"the record of {each.trader} does not hold these commitments in slot {record.rules.slot}"


def _is_signed(chain: Reader, record: EpochRecord, each: PoolSubmission) -> bool:
    rules = record.rules
    digest = digest_of(rules.currency, rules.scale, points_of(commitments_of(each.submission)))
    value = digest_value(digest)
    return chain.verify_metric(each.trader, record.day, each.version, rules.slot, value, each.salt, each.path)


def _of_sums(book: PoolBook, record: EpochRecord) -> Iterator[str]:
    held = book.day(record.day)
    evicted = len(record.submissions) - len(record.counted)
    if (held.users, held.evicted) != (len(record.counted), evicted):
        yield "the contract counts other submissions"
    if held.sums != record.sums:
        yield f"the contract holds other sums, such as {hex_of(held.sums[0])[:20]}…"
    if not held.opened_at or held.totals != record.opening.totals:
        yield "the contract holds other totals"


def _notes(book: PoolBook, record: EpochRecord) -> Iterator[str]:
    users, least = len(record.counted), record.rules.min_users
    yield f"{users} users; the pool opens nothing of fewer than {least}"
    mined = book.mined(record.opening.transaction)
    if mined is None:
        raise Transient("the node does not show the opening as it did just now", "Try again")
    before = book.opened_before(mined.block_number)
    if before is not None:
        traders = {each.trader for each in record.counted}
        others = {each.trader for each in book.submissions(before) if each.evicted is None}
        yield f"since {before}, the day opened before, {len(traders - others)} joined and {len(others - traders)} left"
    amended = sum(_is_amended(book.chain, record, each) for each in record.counted)
    if amended:
        yield f"{amended} of the records were amended since they were submitted: the totals are of what they said then"
    deep, finalized = max(book.chain.height - mined.block_number, 0), book.chain.finalized_height
    if deep < SETTLED and (finalized is None or finalized < mined.block_number):
        yield f"NOT FINAL: the opening has {deep} blocks after it and is not finalized: the chain may still drop it"


def _is_amended(chain: Reader, record: EpochRecord, each: PoolSubmission) -> bool:
    newest = chain.record_of(each.trader, record.day)
    return newest is not None and newest.version > each.version
