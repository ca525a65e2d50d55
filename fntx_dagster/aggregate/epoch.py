"""The record of one opened day of a pool, `fntx.epoch/1`: a file from which a stranger checks all of it.

ASCII JSON, its keys in the order below, one way to write each thing (`proof.form`); `submissions` are in the chain's
order, each evicted one with the hash of the transaction that evicted it. The checksum shows that a file was changed on
its way; what it says is proved by `checking` and, against the chain, by the events that it names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from fntx_dagster.aggregate.commitments import FIELDS
from fntx_dagster.aggregate.committee import MOST, Contribution
from fntx_dagster.aggregate.opening import Totals
from fntx_dagster.aggregate.submission import LENGTH, SUMMED
from fntx_dagster.aggregate.transcript import PoolAddress
from fntx_dagster.curve.group import WIDE
from fntx_dagster.model.pools import PoolOpening, PoolRules, PoolSubmission
from fntx_dagster.proof.form import (
    HASH,
    NUMBER,
    bytes_of,
    checksum_of,
    day_of,
    hex_of,
    matches,
    need,
    refuse,
    strict_json,
)
from fntx_dagster.proof.tree import DEPTH, SLOTS

FORMAT = "fntx.epoch/1"
MAX_BYTES = 100_000_000
"""More than 13,000 submissions take."""
_APART = 50
"""Bytes to each quote, comma and bracket: a submission has 7,000 bytes and 60 of them."""


class Trustee(NamedTuple):
    """A trustee: address, box key, contribution to the pool's key, and what the trustee's shares are checked with."""

    address: str
    box_key: bytes
    contribution: Contribution
    verification_key: bytes


class EpochRecord(NamedTuple):
    """An epoch record whose form is right; whether it is true `checking` says."""

    pool: PoolAddress
    verifier: str
    track_record: str
    rules: PoolRules
    threshold: int
    key: bytes
    trustees: tuple[Trustee, ...]
    day: date
    submissions: tuple[PoolSubmission, ...]
    sums: tuple[bytes, ...]
    opening: PoolOpening
    totals: Totals

    @property
    def counted(self) -> list[PoolSubmission]:
        """The submissions that were not evicted."""
        return [each for each in self.submissions if each.evicted is None]


def written(record: EpochRecord) -> str:
    """The file of a record."""
    rules, opening = record.rules, record.opening
    content = {
        "format": FORMAT,
        "chain_id": f"{record.pool.chain_id}",
        "aggregator": record.pool.aggregator,
        "verifier": record.verifier,
        "track_record": record.track_record,
        "pool": {**rules._asdict(), "bond": f"{rules.bond}"},
        "committee": {
            "threshold": record.threshold,
            "key": hex_of(record.key),
            "trustees": [
                {
                    "address": each.address,
                    "box_key": hex_of(each.box_key),
                    **{name: hex_of(part) for name, part in each.contribution._asdict().items()},
                    "verification_key": hex_of(each.verification_key),
                }
                for each in record.trustees
            ],
        },
        "date": record.day.isoformat(),
        "submissions": [
            {
                **each._asdict(),
                "salt": hex_of(each.salt),
                "path": [hex_of(sibling) for sibling in each.path],
                "submission": hex_of(each.submission),
            }
            for each in record.submissions
        ],
        "sums": [hex_of(each) for each in record.sums],
        "opening": {
            "transaction": opening.transaction,
            "trustees": list(opening.trustees),
            "shares": hex_of(opening.shares),
            "totals": [f"{each}" for each in opening.totals],
        },
        "totals": {
            name: value if name == "user_count" else f"{value}" for name, value in record.totals._asdict().items()
        },
    }
    return json.dumps({**content, "checksum": checksum_of(content)}, indent=1) + "\n"


def parse(text: str | bytes) -> EpochRecord:
    """A record from its file's content. Permanent names the first field that is not as `written` writes it: whatever
    the bytes, nothing else is raised."""
    content = strict_json(text, what=_WHAT, most=MAX_BYTES, apart=_APART)
    read = _object(_FILE)(_WHAT, content)
    need(checksum_of(content) == read["checksum"], "checksum is another one: the file was changed")
    committee = read["committee"]
    return EpochRecord(
        pool=PoolAddress(read["chain_id"], read["aggregator"]),
        verifier=read["verifier"],
        track_record=read["track_record"],
        rules=PoolRules(**read["pool"]),
        threshold=committee["threshold"],
        key=committee["key"],
        trustees=tuple(_trustee(each) for each in committee["trustees"]),
        day=read["date"],
        submissions=tuple(PoolSubmission(**each) for each in read["submissions"]),
        sums=read["sums"],
        opening=PoolOpening(**read["opening"]),
        totals=Totals(**read["totals"]),
    )


_WHAT = "the epoch record"
_Reading = Callable[[str, Any], Any]
"""What a field's content says, by its name; Permanent where it cannot be that field's."""


def _trustee(read: Mapping[str, Any]) -> Trustee:
    contribution = Contribution(*(read[name] for name in Contribution._fields))
    return Trustee(read["address"], read["box_key"], contribution, read["verification_key"])


def _object(fields: Mapping[str, _Reading]) -> _Reading:
    def read(name: str, content: Any) -> dict[str, Any]:
        need(
            type(content) is dict and list(content) == list(fields),
            f"{name} does not have exactly the keys {', '.join(fields)}, in this order",
        )
        return {field: reading(field, content[field]) for field, reading in fields.items()}

    return read


def _list(reading: _Reading, count: int | None = None) -> _Reading:
    def read(name: str, content: Any) -> tuple[Any, ...]:
        need(
            type(content) is list and count in (None, len(content)), f"{name} is no list of as many as there have to be"
        )
        return tuple(reading(name, each) for each in content)

    return read


def _whole(bits: int, least: int = 0) -> _Reading:
    """A number that JavaScript keeps exactly, or that a text holds."""

    def read(name: str, content: Any) -> int:
        need(type(content) is int and least <= content < 1 << bits, f"{name} is no number from {least} below 2^{bits}")
        return content

    return read


def _text_of(bits: int, least: int = 0) -> _Reading:
    def read(name: str, content: Any) -> int:
        need(
            matches(NUMBER, content) and least <= int(content) < 1 << bits,
            f"{name} is not the text of a number from {least} below 2^{bits}",
        )
        return int(content)

    return read


def _hex(length: int | None = None) -> _Reading:
    def read(name: str, content: Any) -> bytes:
        need(matches(_HEX, content), f"{name} is not 0x and pairs of lower-case hex digits")
        need(length in (None, len(content) // 2 - 1), f"{name} does not have {length} bytes")
        return bytes_of(content)

    return read


def _one_of(pattern: re.Pattern[str], what: str) -> _Reading:
    def read(name: str, content: Any) -> str:
        need(matches(pattern, content), f"{name} is not {what}")
        return content

    return read


def _null_or(reading: _Reading) -> _Reading:
    return lambda name, content: None if content is None else reading(name, content)


def _format(name: str, content: Any) -> None:
    if content != FORMAT:
        refuse(f"{name} is not {FORMAT}")


_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_address = _one_of(re.compile(r"0x[0-9a-f]{40}"), "an address in lower case")
_hash = _one_of(HASH, "a hash")
_point, _points = _hex(WIDE), _hex()

_FILE: Mapping[str, _Reading] = {
    "format": _format,
    "chain_id": _text_of(256, 1),
    "aggregator": _address,
    "verifier": _address,
    "track_record": _address,
    "pool": _object(
        {
            "currency": _one_of(re.compile(r"[A-Z]{3}"), "the three letters of a currency"),
            "scale": _whole(8),
            "slot": _whole(SLOTS.bit_length() - 1),
            "min_users": _whole(32),
            "submit_seconds": _whole(53),
            "challenge_seconds": _whole(53),
            "bond": _text_of(256),
            "registrar": _address,
            "min_age": _whole(53),
            "min_cohort": _whole(32),
        }
    ),
    "committee": _object(
        {
            "threshold": _whole(MOST.bit_length(), 1),
            "key": _point,
            "trustees": _list(
                _object(
                    {
                        "address": _address,
                        "box_key": _point,
                        "commitments": _points,
                        "proof": _points,
                        "sealed_shares": _points,
                        "verification_key": _point,
                    }
                )
            ),
        }
    ),
    "date": lambda _name, content: day_of(content),
    "submissions": _list(
        _object(
            {
                "trader": _address,
                "version": _whole(32, 1),
                "salt": _hex(32),
                "path": _list(_hex(32), DEPTH),
                "submission": _hex(LENGTH),
                "transaction": _hash,
                "evicted": _null_or(_hash),
            }
        )
    ),
    "sums": _list(_point, SUMMED),
    "opening": _object(
        {
            "transaction": _hash,
            "trustees": _list(_whole(MOST.bit_length())),
            "shares": _points,
            "totals": _list(_text_of(64), len(FIELDS)),
        }
    ),
    "totals": _object(
        {
            "total_aum": _text_of(64),
            "total_volume": _text_of(64),
            "total_net_pnl": _text_of(64, -(1 << 63)),
            "user_count": _whole(32),
        }
    ),
    "checksum": _hash,
}
