"""Attestations that a trader counts on: which are lost, and what is said of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.witnesses import AttestedDay
from fntx_dagster.services.chain import put_attestations
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import amend, proposals, sign
from fntx_dagster.services.witnesses.posting import WITNESS, post_waiting, revoke
from fntx_dagster.services.witnesses.standing import lost_attestations
from fntx_dagster.settings import Settings
from fntx_dagster.settings.witness import WitnessSettings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.attestations import queue
from fntx_dagster.store.outbox.signatures import signed_days
from tests import by_hand

ACCOUNT = "U7000001"
DAYS = JULY_14, JULY_15, JULY_16, JULY_17 = tuple(date(2025, 7, day) for day in range(14, 18))
PERIOD = Period(JULY_14, JULY_17)
OTHER = "0x" + "9" * 40


@pytest.fixture
def posted(database: Database, home: Path) -> Settings:
    """Settings that name the home's own witness and another, with four days posted."""
    built, settings = by_hand.create_marts(database), Settings(home=home)
    for day in DAYS:
        by_hand.build(built, ACCOUNT, day)
    assert not sign(settings, built, PERIOD).refused
    with connect(settings) as chain:
        assert not post(settings, built, chain, PERIOD).refused
        witness = chain.trader(WITNESS).address
    return Settings(home=home, witness=WitnessSettings(names={witness: "Smith Audit", OTHER: "Jones"}))


def witness_of(settings: Settings) -> str:
    return next(iter(settings.witness.names))


def attest(settings: Settings, db: Database, *days: date) -> None:
    """The witness attests the latest versions of days."""
    with connect(settings) as chain:
        put_attestations(settings, chain)
        where = chain.chain_id, AttestationBook(chain).contract, witness_of(settings)
    signed = [day for day in signed_days(db, PERIOD) if day.trading_day in days]
    queue(db, where, [AttestedDay(day.trader, day.trading_day, day.version, day.root) for day in signed], 3, bytes(32))
    assert not post_waiting(settings, db).waiting


def change(settings: Settings, db: Database, day: date) -> None:
    """The day is amended; nothing is posted."""
    with db.connect() as connection:
        connection.execute(
            "update alm_reporting.daily_summary set net_pnl = %s where trading_day = %s", (Decimal(7), day)
        )
    amend(settings, db, proposals(settings, db, ACCOUNT, Period.on(day)), "The broker corrected a fee.")


def test_a_day_that_was_revoked_or_amended_is_named_until_its_latest_version_is_attested(
    database: Database, posted: Settings
) -> None:
    assert lost_attestations(posted, database) == [], "the chain has no contract of attestations"
    attest(posted, database, JULY_14, JULY_15, JULY_16)
    assert lost_attestations(posted, database) == [], "and nobody was asked about 17 July"
    trader, witness = signed_days(database, PERIOD)[0].trader, witness_of(posted)
    revoke(posted, database, trader, JULY_15, 1, "The broker corrected a fee.")
    change(posted, database, JULY_16)
    revoked = Finding(
        f"U…0001 {JULY_15} {witness}",
        f"U…0001 2025-07-15: Smith Audit ({witness}) has revoked its attestation of version 1, for ever. Ask it why: "
        "it can attest a later version, if the day is to be amended",
        JULY_15,
    )
    assert lost_attestations(posted, database) == [revoked], "strangers see version 1 until version 2 is posted"
    change(posted, database, JULY_15)
    with connect(posted) as chain:
        assert not post(posted, database, chain, PERIOD).refused
    text = "attested version 1, and version 2 is posted. Ask it again: `fntx attest package --from"
    assert [(finding.day, text in finding.text) for finding in lost_attestations(posted, database)] == [
        (JULY_15, True),
        (JULY_16, True),
    ]
    attest(posted, database, JULY_15, JULY_16)
    assert lost_attestations(posted, database) == []


def test_where_no_witness_is_named_no_chain_is_asked(
    database: Database, posted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fntx_dagster.services.witnesses.standing.connect", None)
    assert lost_attestations(Settings(home=posted.home), database) == []
    with pytest.raises(TypeError):
        lost_attestations(posted, database)
