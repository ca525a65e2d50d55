"""What is signed of a day: every metric of the record and of its extension from the tables, and the catalogues that a
signed day was signed by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import (
    CATALOGUE,
    CATALOGUES,
    DERIVED,
    EXTENSION,
    EXTENSIONS,
    GREEKS,
    NOT_COMPUTED,
    Catalogue,
    digest_value,
    letters,
    scale,
    unscale,
)
from fntx_dagster.metrics.following import SIGNED_PARTS
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.leaves import schema_hash_of
from fntx_dagster.services.ledger_accounts.accounts import heads
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts import performance, risk, round_trips, summaries
from fntx_dagster.store.raw_flex import overview

_WINDOWS = ("30d", "mtd", "ytd", "all")
_OF_WINDOW = ("win_rate", "win_rate_all_in", "sharpe", "volatility", "max_drawdown", "total_return")
_FUND = ("dpi", "tvpi", "rvpi")
_AT_RISK = ("var_95_historical", "var_95_repricing")
_EVIDENCE = "statements_digest"
"""The files that a day was built from when it was signed: a newer file with the same rows is no drift."""

_OF_LEDGER = ("ledger_entries", "ledger_head")
"""Null where an account has no book: a book that it gets later is no drift of what was signed before."""
_FIRST_WITH_GREEKS = 3
"""The version of the catalogue under which they were first computed."""

_NO_ENDINGS = round_trips.Endings(0, 0, 0)

Values = Mapping[str, Decimal | float | int | None]
"""A day's metrics of record and extension by name, without those that are computed where it is frozen."""


class Difference(NamedTuple):
    """A metric whose value in the tables (`found`) is not the one that was signed; None is null."""

    metric: str
    signed: Decimal | None
    found: Decimal | None


@cache
def published() -> dict[bytes, Catalogue]:
    """Schema hash → the catalogue, for all that FNTX published, of records and of extensions."""
    return {schema_hash_of(catalogue.canonical()): catalogue for catalogue in (*CATALOGUES, *EXTENSIONS)}


def signed_metrics() -> tuple[Catalogue, Catalogue]:
    """The catalogues that are signed today, the record's and the extension's: every metric with its slot, name, unit
    and decimals."""
    return CATALOGUE, EXTENSION


def not_computed(catalogue: Catalogue) -> list[str]:
    """The metrics of a catalogue that are null in every record, because nothing computes them yet."""
    return [metric.name for metric in catalogue.metrics if metric.name in NOT_COMPUTED]


def catalogue_of(signed: SignedDay) -> Catalogue:
    """The version of the catalogue that a record was signed by."""
    return _known(signed, signed.schema_hash)


def extension_catalogue_of(signed: SignedDay) -> Catalogue | None:
    """The version of the catalogue that a day's extension was signed by; None where it has none."""
    return None if signed.extension is None else _known(signed, signed.extension.schema_hash)


def _known(signed: SignedDay, schema_hash: bytes) -> Catalogue:
    if schema_hash not in published():
        raise Permanent(
            f"{signed.trading_day} was signed by a catalogue that this program does not know (0x{schema_hash.hex()})",
            "Install the newer program that signed it",
        )
    return published()[schema_hash]


def differences(signed: SignedDay, values: Values) -> list[Difference]:
    """The metrics of a record and its extension that today's tables give another value, by the catalogues that they
    were signed by.

    A Greek that was signed as null before Greeks were computed is not compared. What follows from the other metrics is
    not compared either: the extension's root and the commitments.
    """
    catalogue, its_catalogue = catalogue_of(signed), extension_catalogue_of(signed)
    not_compared = {*DERIVED, _EVIDENCE, *(GREEKS if catalogue.version < _FIRST_WITH_GREEKS else ())}
    found = _compared(catalogue, signed.values, values, not_compared)
    if signed.extension is not None and its_catalogue is not None:
        own = signed.extension.values
        without_book = {name for name in _OF_LEDGER if own.get(name) is None}
        found += _compared(its_catalogue, own, values, {*DERIVED, *without_book})
    return found


def _compared(
    catalogue: Catalogue, signed: Mapping[str, int | None], values: Values, not_compared: set[str]
) -> list[Difference]:
    current = {
        metric: scale(metric, values[metric.name]) for metric in catalogue.metrics if metric.name not in not_compared
    }
    return [
        Difference(metric.name, unscale(metric, signed.get(metric.name)), unscale(metric, scaled))
        for metric, scaled in current.items()
        if signed.get(metric.name) != scaled
    ]


def day_values(
    db: Readable, period: Period, account: str | None = None, *, skip_incomplete: bool = False
) -> dict[tuple[str, date], dict[str, Decimal | float | int | None]]:
    """The value of every metric that is signed today, per account and session, oldest first. Greeks and value at risk
    are None too where they have not been computed: see `store.marts.risk.days_without_risk`. The rows come from several
    tables, so what is signed or compared is read from a snapshot. Permanent for a session without the metrics of a
    window, unless `skip_incomplete` leaves that session out."""
    windows = {
        (row["account_id"], row["trading_day"], row["metric_window"]): row
        for row in performance.rolling_metrics(db, period, account)
    }
    at_risk = {(row["account_id"], row["trading_day"]): row for row in risk.portfolio_risk(db, period, account)}
    rows = sorted(summaries.summary(db, period, account), key=lambda row: (row["trading_day"], row["account_id"]))
    accounts = {row["account_id"] for row in rows}
    sessions = {account_id: summaries.numbered_sessions(db, period, account_id) for account_id in accounts}
    ended = round_trips.endings(db, period, account)
    files = {account_id: overview.statement_digests(db, period, account_id) for account_id in accounts}
    books = {account_id: _ledger(db, account_id, sessions[account_id]) for account_id in accounts}
    current = {}
    for row in rows:
        account_id, day = key = (row["account_id"], row["trading_day"])
        if missing := [window for window in _WINDOWS if (*key, window) not in windows]:
            if skip_incomplete:
                continue
            raise Permanent(f"{day} has no metrics for {', '.join(missing)}", "Run the day again with `fntx run`")
        number, closes_at = sessions[account_id][day]
        at_close = at_risk.get(key, {})
        values: dict[str, Decimal | float | int | None] = dict.fromkeys(NOT_COMPUTED)
        values |= {name: at_close.get(name) for name in (*GREEKS, *_AT_RISK)}
        values |= {"trading_day_num": number, "session_close_utc": int(closes_at.timestamp())}
        values |= {name: row[name] for name in CATALOGUE.by_name if name in row}
        values |= {"base_currency": letters(row["base_currency"]), _EVIDENCE: _digest(files[account_id].get(day, ()))}
        values |= _parts(row)
        for window in _WINDOWS:
            for name in _OF_WINDOW:
                values[f"{name}_{window}"] = windows[*key, window][name]
        values |= {name: windows[*key, "all"][name] for name in _FUND}
        values["var_95_returns"] = windows[*key, "all"]["var_95"]
        values |= ended.get(key, _NO_ENDINGS)._asdict()
        values |= books[account_id][day]
        current[key] = values
    return current


def _ledger(
    db: Readable, account_id: str, sessions: Mapping[date, tuple[int, datetime]]
) -> dict[date, dict[str, int | None]]:
    """Session → how many entries the account's book had at its close, and the head's hash."""
    days = sorted(sessions)
    known = heads(db, account_id, [sessions[day][1] for day in days])
    return {
        day: dict.fromkeys(_OF_LEDGER)
        if head is None
        else dict(zip(_OF_LEDGER, (head.entry_no, digest_value(bytes.fromhex(head.hash))), strict=True))
        for day, head in zip(days, known, strict=True)
    }


def _digest(files: Iterable[str]) -> int | None:
    """One number for a day's statement files: SHA-256 of their sorted SHA-256s, each in hex on a line of its own."""
    lines = "".join(f"{digest}\n" for digest in files)
    return digest_value(hashlib.sha256(lines.encode("ascii")).digest()) if lines else None


def _parts(row: Mapping[str, Any]) -> dict[str, Decimal]:
    """The parts of the difference that have a slot. The others share one, and the broker's residual, whether it has a
    name or not, has its own: so `unexplained` and the other parts are signed without it."""
    parts: Mapping[str, Decimal] = row["difference_parts"]
    named = {name: parts.get(name, Decimal(0)) for name in SIGNED_PARTS}
    unexplained = row["unexplained"] - row["unexplained_residual"]
    others = row["difference"] - row["broker_residual"] - unexplained - sum(named.values(), Decimal(0))
    return named | {"unexplained": unexplained, "other_parts": others}
