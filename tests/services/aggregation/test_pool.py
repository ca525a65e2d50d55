"""A pool on the embedded chain from its committee to the file of a day, and what it refuses on the way."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from fntx_dagster.adapters.evm.attestations import attestations_address
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.typed import address_of
from fntx_dagster.aggregate.commitments import PNL_OFFSET
from fntx_dagster.aggregate.epoch import EpochRecord, parse
from fntx_dagster.cli import app
from fntx_dagster.curve.group import random_scalar
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.aggregation import opening, rehearsing, trading, trustees
from fntx_dagster.services.aggregation.asking import asked
from fntx_dagster.services.aggregation.attending import attend, is_named
from fntx_dagster.services.aggregation.rehearsing import FIGURES, LIE, rehearse
from fntx_dagster.services.chain import serve
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.actions import actions

PASSWORD = SecretStr("long enough")
OTHER = date(2025, 7, 16)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.mark.slow
def test_a_day_with_a_liar_is_opened_and_holds_for_a_stranger(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    drawn: list[int] = []
    monkeypatch.setattr(rehearsing, "random_scalar", lambda: (drawn.append(random_scalar()), drawn[-1])[1])
    done = rehearse(settings, database, settings.home, said.append)
    record = parse(done.file)
    assert done.checked.holds
    assert [each.trader for each in record.submissions if each.evicted] == done.evicted
    assert record.totals == (*map(sum, zip(*FIGURES, strict=True)), len(FIGURES))
    pool = settings.model_copy(
        update={"aggregation": settings.aggregation.model_copy(update={"aggregator": record.pool.aggregator})}
    )
    with connect(settings) as chain:
        found = asked(chain, record)
        assert (found.verdict, found.problems, found.on_chain) == ("HOLDS", (), True)
        left_out = asked(chain, record._replace(submissions=record.submissions[:-1]))
        assert "not those of the file" in left_out.problems[0]
        other = asked(chain, record._replace(rules=record.rules._replace(min_users=1)))
        assert other.problems == ("the contract has another rules",)
        rows = actions(database, chain.chain_id, address_of(record.pool.aggregator))
    assert [(row.kind, row.subject, row.state) for row in rows] == [
        ("share", "0", "final"),
        ("share", "2", "final"),
        ("open", "", "final"),
    ]
    assert opening.totals(pool).totals == record.totals
    assert opening.open_day(pool, database, "trader:1", done.day).totals == record.totals  # it is open, and stays so
    assert len(opening.check_day(pool, done.day).checked.counted) == len(FIGURES)
    assert attend(pool, database, done.day) == ([], [], [])  # nobody here signed a day, and the day is open
    with pytest.raises(Transient, match="is not frozen: nobody submitted to it"):
        opening.open_day(pool, database, "trader:1", OTHER)
    with pytest.raises(Permanent, match="is not opened: nobody submitted to it"):
        opening.totals(pool, OTHER)
    with pytest.raises(Permanent, match="is not signed"):
        trading.submit(pool, database, "trader:1", OTHER)
    with pytest.raises(Permanent, match="does not take part"):
        trading.submit(pool, database, "trader:0", OTHER)  # the liar's registration ended
    assert not trading.leave(pool, "trader:1").is_registered
    assert not trading.leave(pool, "trader:1").is_registered  # once is enough
    _nothing_secret(database, said, done.file, drawn)
    _without_the_file(settings, record)


def _without_the_file(settings: Settings, record: EpochRecord) -> None:
    """A stranger with a node and the pool's address comes to the same verdict; of what is no pool, or no day that was
    opened, there is none."""
    day, pool = f"{record.day}", record.pool.aggregator
    with serve(settings, 0) as chain:

        def said(*words: str) -> tuple[int, str]:
            done = CliRunner().invoke(app, ["aggregate", "verify", "--rpc", chain.url, *words])
            return done.exit_code, " ".join(done.output.replace("│", " ").split())

        code, words = said("--date", day, "--contract", pool)
        assert (code, words.endswith("HOLDS")) == (0, True), words
        assert f"{record.totals.total_aum:,} USD" in words
        code, words = said("--date", day, "--contract", pool, "--json")
        assert (code, json.loads(words)["totals"]) == (0, record.totals._asdict())
        code, words = said("--date", f"{OTHER}", "--contract", pool)
        assert (code, f"{OTHER} is not opened: nobody submitted to it" in words) == (2, True), words
        attestations, nothing = attestations_address(record.track_record), "0x" + "12" * 20
        for wrong in (record.track_record, record.verifier, record.trustees[0].address, attestations, nothing):
            code, words = said("--date", day, "--contract", wrong)
            assert (code, "is not FNTX's Aggregator" in words) == (2, True), words
    gone = CliRunner().invoke(app, ["aggregate", "verify", "--rpc", chain.url, "--date", day, "--contract", pool])
    assert isinstance(gone.exception, Transient)


def _nothing_secret(database: Database, said: list[str], file: str, drawn: list[int]) -> None:
    """No single figure of a trader, and nothing that it was hidden with, is in what was told, written or stored, as
    digits or as the bytes of a scalar."""
    with database.connect() as connection:
        rows = connection.execute("select row_to_json(actions)::text from aggregation.actions").fetchall()
    words = " ".join([*said, file, *(text for (text,) in rows)])
    figures = [(aum, volume, pnl + PNL_OFFSET) for aum, volume, pnl in (*FIGURES, LIE)]
    hidden = [value for each in figures for value in each if value] + drawn
    assert len(drawn) >= 3 * len(figures)
    assert {value for value in hidden if value > 99 and _is_shown(value, words)} == set()
    assert not any(value.to_bytes(32).hex() in words for value in hidden)
    # the search finds what is there: an opened total
    assert _is_shown(sum(aum for aum, _, _ in FIGURES), words)


def _is_shown(value: int, words: str) -> bool:
    """Whether a number stands in a text, with or without commas."""
    return re.search(rf"(?<![0-9a-f])(?:{value}|{value:,})(?![0-9a-f])", words) is not None


def test_what_was_queued_stays(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            """insert into aggregation.actions (kind, account_id, chain_id, contract, sender, day, subject, data)
            values ('submit', 'U1', 1, '0x', '0x', '2025-07-18', '0x', '\\x00')"""
        )
    for statement in (
        "update aggregation.actions set data = '\\x01'",
        "delete from aggregation.actions",
        "truncate aggregation.actions",
    ):
        with database.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    with database.connect() as connection:
        connection.execute("update aggregation.actions set state = 'failed', error = 'why'")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("update aggregation.actions set state = 'lost'")


def test_no_pool_is_named_in_words(settings: Settings) -> None:
    assert not is_named(settings)
    with pytest.raises(Permanent, match="no pool is named"):
        opening.totals(settings)


def test_an_address_that_is_no_pool_is_refused(settings: Settings) -> None:
    with connect(settings) as chain:
        wrong = settings.aggregation.model_copy(update={"aggregator": chain.contract})
    with pytest.raises(Permanent, match="is not FNTX's Aggregator"):
        opening.totals(settings.model_copy(update={"aggregation": wrong}))


def test_no_trustees_file_is_left_where_the_chain_does_not_answer(settings: Settings, tmp_path: Path) -> None:
    away = settings.model_copy(
        update={
            "chain": settings.chain.model_copy(update={"rpc_url": "http://127.0.0.1:9"}),
            "keys": settings.keys.model_copy(update={"keystore_password": PASSWORD}),
        }
    )
    with pytest.raises((Permanent, Transient)):
        trustees.init(away, tmp_path / "mine.json")
    assert not (tmp_path / "mine.json").exists()
