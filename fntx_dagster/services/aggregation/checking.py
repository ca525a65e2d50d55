"""A stranger's check of one submission, or of the record of an epoch: the file by itself, and against the chain.

Needs no database, no secret and no settings.
"""

from __future__ import annotations

import codecs
from datetime import date
from typing import BinaryIO

from fntx_dagster.adapters.evm.contracts import NoTrackRecord
from fntx_dagster.adapters.evm.pool_reading import NoPool, records_at
from fntx_dagster.adapters.evm.reader import read_at
from fntx_dagster.aggregate.checking import problems_of
from fntx_dagster.aggregate.epoch import FORMAT, MAX_BYTES, parse
from fntx_dagster.aggregate.submission import holds
from fntx_dagster.curve.group import read_wide
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.proof.form import is_text, need, need_keys, strict_json
from fntx_dagster.services.aggregation.asking import STEPS, CheckedEpoch, asked
from fntx_dagster.services.aggregation.opening import record_at
from fntx_dagster.services.aggregation.pool import NotOpened

_SUBMISSION_KEYS = ("key", "context", "submission")


class NothingToCheck(Permanent):
    """A day that nobody can judge: the address is no pool of FNTX's, or the day is not open."""


def read_epoch(stream: BinaryIO) -> bytes:
    """Read a file, no more of it than shows that it is too long."""
    return stream.read(MAX_BYTES + 1)


def is_meant_as_an_epoch(content: bytes) -> bool:
    """Whether a file is an epoch record, be it cut off or changed."""
    begins = content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")
    return begins and (FORMAT.partition("/")[0].encode() in content or b'"aggregator"' in content)


def check_epoch(text: str | bytes, rpc_url: str | None = None) -> CheckedEpoch:
    """Check the record of an epoch; `rpc_url` asks a node of its chain.

    Raises nothing: a file that does not hold, a node that is away or of another chain are outcomes. A file that does
    not hold by itself is not asked about.
    """
    try:
        record = parse(text)
    except Permanent as error:
        return CheckedEpoch(None, (error.message,), dict.fromkeys(STEPS, _ALONE))
    if problems := problems_of(record):
        return CheckedEpoch(record, tuple(problems), dict.fromkeys(STEPS, _ALONE))
    if rpc_url is None:
        return CheckedEpoch(record, (), dict.fromkeys(STEPS, "give --rpc"))
    try:
        with read_at(rpc_url, record.track_record, record.pool.chain_id) as chain:
            return asked(chain, record)
    except NoTrackRecord:
        problem = f"the contract {record.track_record} is not FNTX's TrackRecord"
        return CheckedEpoch(record, (problem,), dict.fromkeys(STEPS, "the check ended before it"))
    except (Transient, Permanent) as error:
        unchecked = dict.fromkeys(STEPS, "the node gave no verdict")
        return CheckedEpoch(record, (), unchecked, away=error.message)


def check_day_at(rpc_url: str, contract: str, day: date) -> CheckedEpoch:
    """Make the record of an opened day from a node's chain, and check it. NothingToCheck where the address is no pool,
    or the day is not open; Transient where the node does not answer."""
    try:
        with read_at(rpc_url, records_at(rpc_url, contract)) as chain:
            record = record_at(chain, contract, day)
            if problems := problems_of(record):
                return CheckedEpoch(record, tuple(problems), dict.fromkeys(STEPS, _ALONE))
            return asked(chain, record)
    except (NoPool, NoTrackRecord):
        raise NothingToCheck(f"{contract} is not FNTX's Aggregator", "Check the address and the chain") from None
    except NotOpened as error:
        raise NothingToCheck(error.message, error.way_out) from None


def check_submission(content: bytes) -> bool:
    """Whether the submission of a file {"key": "0x…", "context": "0x…", "submission": "0x…"} holds under that key.

    Permanent where the file is not of that form.
    """
    try:
        said = strict_json(content, most=_MOST)
        need_keys("it", said, {*_SUBMISSION_KEYS})
        need(all(map(is_text, said.values())), "no texts")
        key, context, submission = (bytes.fromhex(said[name].removeprefix("0x")) for name in _SUBMISSION_KEYS)
    except (ValueError, Permanent):
        raise Permanent(
            "this is not a submission with its key and context",
            'The form: {"key": "0x…", "context": "0x…", "submission": "0x…"}',
        ) from None
    try:
        return len(context) == 32 and holds(read_wide(key), context, submission)
    except ValueError:
        return False


_MOST = 20_000
"""Bytes of the file of a submission: three times what one takes."""
_ALONE = "the file by itself does not hold"
