"""What a day commits to when it is frozen, and that nothing of it is stored or shown."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, PERIOD_COMMITMENTS, digest_value
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures import freezing
from fntx_dagster.services.signatures.commitments import aggregation_of, figures_of, lacks_commitments, period_of
from fntx_dagster.services.signatures.drifting import drifts
from fntx_dagster.services.signatures.freezing import rebuilt
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import amend, proposals, sign
from fntx_dagster.services.signatures.verifying import verify_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import signed_version
from tests import by_hand

ACCOUNT, DAY = "U7000001", date(2025, 7, 17)


def build(built: Database, **changed: str | None) -> None:
    by_hand.build(built, ACCOUNT, DAY, net_pnl="12.5", closing_nav="80000.25")
    with built.connect() as connection:
        for name, value in changed.items():
            connection.execute(SQL("update alm_reporting.daily_summary set {} = %s").format(Identifier(name)), (value,))


def sign_it(built: Database, settings: Settings) -> SignedDay:
    [signed] = sign(settings, built, Period.on(DAY)).new
    return signed


def commitments_of(signed: SignedDay) -> tuple[int | None, int | None]:
    assert signed.extension is not None
    return signed.values[AGGREGATION_COMMITMENTS], signed.extension.values[PERIOD_COMMITMENTS]


@pytest.fixture
def without(built: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> SignedDay:
    """A posted day of the fourth version, from before the commitments were computed."""
    build(built)
    with monkeypatch.context() as patch:
        patch.setattr(freezing, "digests_of", lambda *_: {AGGREGATION_COMMITMENTS: None, PERIOD_COMMITMENTS: None})
        signed = sign_it(built, settings)
    post(settings, built, chain, Period.on(DAY))
    return signed


def test_a_frozen_day_holds_the_digests_of_what_its_figures_and_the_secret_give(
    built: Database, settings: Settings
) -> None:
    build(built)
    signed = sign_it(built, settings)
    secret, figures = keys.salt_secret(key_ring(settings)), figures_of(signed)
    assert figures is not None
    aggregation, period = aggregation_of(secret, figures), period_of(secret, figures)
    assert aggregation is not None
    assert period is not None
    assert commitments_of(signed) == (digest_value(aggregation.digest), digest_value(period.digest))
    assert aggregation.values == (80000, 1, 2**31 + 12)
    assert period.values[0] == 1_250_000_000
    assert (period.currency, period.session) == ("HKD", 1)


@pytest.mark.parametrize(
    ("changed", "nulls"),
    [
        ({"implied_turnover": None}, (True, True)),
        ({"fees": None}, (False, True)),
        ({"opening_nav_official": "-1"}, (False, True)),
        ({"net_pnl": "99999999999"}, (True, False)),
        ({"base_currency": "HK"}, (True, True)),
    ],
    ids=str,
)
def test_a_slot_is_null_where_what_it_needs_is(
    built: Database, settings: Settings, changed: dict[str, Any], nulls: tuple[bool, bool]
) -> None:
    build(built, **changed)
    aggregation, period = commitments_of(sign_it(built, settings))
    assert (aggregation is None, period is None) == nulls


def test_the_commitments_are_no_drift_and_each_version_has_others(
    built: Database, settings: Settings, chain: Chain
) -> None:
    build(built)
    first = sign_it(built, settings)
    assert drifts(built).drifted == []
    post(settings, built, chain, Period.on(DAY))
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set gross_pnl = 2")  # in neither commitment
    [second] = amend(settings, built, proposals(settings, built, ACCOUNT, Period.on(DAY)), "a fee")
    assert not {*commitments_of(first)} & {*commitments_of(second)}


def test_a_day_from_before_the_commitments_verifies_and_an_amendment_brings_them(
    built: Database, settings: Settings, chain: Chain, without: SignedDay
) -> None:
    assert commitments_of(without) == (None, None)
    assert drifts(built).drifted == []
    assert verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).holds
    with pytest.raises(Permanent, match="nothing to amend"):
        proposals(settings, built, ACCOUNT, Period.on(DAY))
    [second] = amend(settings, built, proposals(settings, built, ACCOUNT, Period.on(DAY), extend=True), "commitments")
    assert None not in commitments_of(second)
    post(settings, built, chain, Period.on(DAY))
    assert verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).holds
    with pytest.raises(Permanent, match="nothing to amend"):
        proposals(settings, built, ACCOUNT, Period.on(DAY), extend=True)


def test_a_day_that_can_have_no_commitment_lacks_none(built: Database, settings: Settings) -> None:
    build(built, implied_turnover=None)
    signed = sign_it(built, settings)
    assert not lacks_commitments(keys.salt_secret(key_ring(settings)), signed)


def test_no_value_and_no_blinding_is_stored_or_shown(
    built: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    build(built)
    signed = sign_it(built, settings)
    secret, figures = keys.salt_secret(key_ring(settings)), figures_of(signed)
    assert figures is not None
    aggregation, period = aggregation_of(secret, figures), period_of(secret, figures)
    assert aggregation is not None
    assert period is not None
    scalars = [*aggregation.blindings, period.blinding]
    with built.connect() as connection:
        rows = connection.execute("select record::text from alm_reporting.daily_signatures").fetchall()
    said = [json.dumps(rows, default=str), repr((aggregation, period, figures)), caplog.text]
    for scalar in scalars:
        assert not any(f"{scalar}" in text or f"{scalar:064x}" in text for text in said)
    assert "8000025" not in said[1]
    assert rebuilt(signed, key_ring(settings)).root == signed.root
    assert signed_version(built, ACCOUNT, DAY) == signed
