"""A stranger's check of one submission, or of the record of an epoch: the file by itself, and against the chain.

Needs no database, no secret and no settings.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

from fntx_dagster.aggregate.checking import problems_of
from fntx_dagster.aggregate.epoch import FORMAT, MAX_BYTES, EpochRecord, parse
from fntx_dagster.aggregate.submission import holds
from fntx_dagster.curve.group import read_wide
from fntx_dagster.errors import Permanent, Transient

STEPS = {
    "code": "whether the contracts' rules are FNTX's, and the pool's those of the file",
    "events": "whether these are all submissions of the day, and all evictions",
    "records": "whether each submission is of the trader's signed record",
    "sums": "whether the contract holds these sums and totals",
}
"""What only a chain can say, in the order in which it is asked."""

_SUBMISSION_KEYS = ("key", "context", "submission")
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
        if self.problems:
            return "DOES NOT HOLD"
        if self.away is not None:
            return f"NOT CHECKED ON THE CHAIN: {self.away}"
        return f"HOLDS{', as far as checked' if self.unchecked else ''}"

    @property
    def exit_code(self) -> int:
        """0 it holds, 1 it does not, 75 the node gave no verdict."""
        if self.problems:
            return Permanent.exit_code
        return 0 if self.away is None else Transient.exit_code

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


def read_epoch(stream: BinaryIO) -> bytes:
    """Read a file, no more of it than shows that it is too long."""
    return stream.read(MAX_BYTES + 1)


def is_meant_as_an_epoch(content: bytes) -> bool:
    """Whether a file is an epoch record, be it cut off or changed."""
    begins = content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")
    return begins and (FORMAT.partition("/")[0].encode() in content or b'"aggregator"' in content)


def check_epoch(text: str | bytes) -> CheckedEpoch:
    """Check the record of an epoch by itself. Raises nothing: a file that does not hold is an outcome."""
    try:
        record = parse(text)
    except Permanent as error:
        return CheckedEpoch(None, (error.message,), dict.fromkeys(STEPS, _ALONE))
    if problems := problems_of(record):
        return CheckedEpoch(record, tuple(problems), dict.fromkeys(STEPS, _ALONE))
    return CheckedEpoch(record, (), dict.fromkeys(STEPS, "give --rpc"))


def check_submission(content: bytes) -> bool:
    """Whether the submission of a file {"key": "0x…", "context": "0x…", "submission": "0x…"} holds under that key.

    Permanent where the file is not of that form.
    """
    try:
        said = json.loads(content)
        if not isinstance(said, dict) or said.keys() != {*_SUBMISSION_KEYS}:
            raise ValueError
        key, context, submission = (bytes.fromhex(said[name].removeprefix("0x")) for name in _SUBMISSION_KEYS)
    except (ValueError, AttributeError, RecursionError):
        raise Permanent(
            "this is not a submission with its key and context",
            'The form: {"key": "0x…", "context": "0x…", "submission": "0x…"}',
        ) from None
    try:
        return len(context) == 32 and holds(read_wide(key), context, submission)
    except ValueError:
        return False


_ALONE = "the file by itself does not hold"
