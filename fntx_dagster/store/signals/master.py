"""The instrument master: what each token names, and from when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.model.signals import SignalInstrument
from fntx_dagster.store.database import Database, Readable

_FIELDS = "token, symbol, exchange, underlying, strike, option_type, expiry, lot_size"


class ListedInstrument(NamedTuple):
    """An instrument, and the moment from which its token names it."""

    instrument: SignalInstrument
    valid_from: datetime


class Added(NamedTuple):
    """What became of rows: how many are new, and the places of those that another row of their token and moment
    contradicts. The others say what was known already."""

    number: int
    refused: list[int]


def instruments(db: Readable, token: str | None = None, symbol: str | None = None) -> list[ListedInstrument]:
    """What is known of a token, or of the symbols that begin like this, or of all; by symbol, then by moment."""
    with db.connect() as connection:
        rows = connection.execute(
            f"""select {_FIELDS}, valid_from from ledger.instruments
            where token = coalesce(%(token)s, token) and starts_with(symbol, coalesce(%(symbol)s, ''))
            order by symbol, token, valid_from""",
            {"token": token, "symbol": symbol},
        ).fetchall()
    return [ListedInstrument(SignalInstrument(*row[:-1]), row[-1]) for row in rows]


def add_instruments(db: Database, rows: Sequence[ListedInstrument]) -> Added:
    """Keep rows of a master, all in one transaction; a row that says what its token names at its moment anyway is not
    kept twice."""
    names = (*SignalInstrument._fields, "valid_from")
    given = {name: [(*row.instrument, row.valid_from)[place] for row in rows] for place, name in enumerate(names)}
    with db.connect() as connection:
        done = connection.execute(_ADD, given)
        with connection.cursor(row_factory=args_row(int)) as cursor:
            refused = cursor.execute(_REFUSED, given).fetchall()
        return Added(done.rowcount, refused)


_GIVEN = """unnest(%(token)s::text[], %(symbol)s::text[], %(exchange)s::text[], %(underlying)s::text[],
        %(strike)s::numeric[], %(option_type)s::text[], %(expiry)s::date[], %(lot_size)s::numeric[],
        %(valid_from)s::timestamptz[])
    with ordinality as given (token, symbol, exchange, underlying, strike, option_type, expiry, lot_size, valid_from,
        place)"""
_IS = """(known.symbol, known.exchange, known.underlying, known.strike, known.option_type, known.expiry, known.lot_size)
    is not distinct from (given.symbol, given.exchange, given.underlying, given.strike, given.option_type, given.expiry,
        given.lot_size)"""
_ADD = f"""
    insert into ledger.instruments ({_FIELDS}, valid_from)
    select distinct on (token, valid_from) {_FIELDS}, valid_from from {_GIVEN}
    where not coalesce((
        select {_IS} or known.valid_from = given.valid_from from ledger.instruments as known
        where known.token = given.token and known.valid_from <= given.valid_from
        order by known.valid_from desc, instrument_id desc limit 1), false)
    order by token, valid_from, place
"""
_REFUSED = f"""
    select (place - 1)::int from {_GIVEN}
    cross join lateral (
        select * from ledger.instruments as newest
        where newest.token = given.token and newest.valid_from = given.valid_from
        order by instrument_id desc limit 1) as known
    where not {_IS} order by place
"""
