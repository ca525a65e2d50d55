"""From a signed day to a file that a stranger checks, against a node over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest

from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.adapters.evm.served import serve
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.checking import check_disclosure
from fntx_dagster.services.signatures.disclosing import disclose_day
from fntx_dagster.services.signatures.freezing import rebuilt
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.services.signatures.conftest import amended

ACCOUNT, DAY = "U7000001", date(2025, 7, 17)


@pytest.fixture
def signed(built: Database, settings: Settings, chain: Chain) -> SignedDay:
    by_hand.build(built, ACCOUNT, DAY)
    [one] = sign(settings, built, Period.on(DAY)).new
    post(settings, built, chain, Period.on(DAY))
    return one


@pytest.fixture
def node(chain: Chain) -> Iterator[str]:
    """The URL of the embedded chain."""
    with serve(chain.web3.provider) as url:
        yield url


def disclosed(db: Database, settings: Settings, *metrics: str, version: int | None = None) -> str:
    return disclose_day(settings, db, ACCOUNT, DAY, metrics or ("net_pnl",), version)


def test_a_disclosure_holds_by_itself_and_says_what_is_not_checked(
    built: Database, settings: Settings, signed: SignedDay
) -> None:
    checked = check_disclosure(disclosed(built, settings, "net_pnl", "base_currency"))
    assert (checked.holds, checked.on_chain) == (True, None)
    assert [(metric.name, metric.value) for metric, _ in checked.verdicts] == [
        ("net_pnl", "12.50000000"),
        ("base_currency", "HKD"),
    ]
    assert (checked.verdict, checked.exit_code) == ("HOLDS, as far as checked", 0)
    assert set(checked.unchecked.values()) == {"give --rpc"}


def test_a_disclosure_holds_against_a_node(built: Database, settings: Settings, signed: SignedDay, node: str) -> None:
    checked = check_disclosure(disclosed(built, settings), node)
    assert (checked.holds, checked.on_chain, checked.problems) == (True, True, ())
    assert "late" in checked.notes[0], "the day is posted long after its close"


def test_a_disclosure_of_a_day_that_is_not_posted_fails_against_a_node_only(
    built: Database, settings: Settings, chain: Chain, node: str
) -> None:
    by_hand.build(built, ACCOUNT, DAY)
    sign(settings, built, Period.on(DAY))
    text = disclosed(built, settings)
    assert json.loads(text)["transaction"] is None
    assert check_disclosure(text).holds
    checked = check_disclosure(text, node)
    assert (checked.holds, checked.on_chain) == (False, False)
    assert "has no version 1 of this trader's record of 2025-07-17" in checked.problems[0]


def test_an_amended_version_still_holds_and_is_reported_as_superseded(
    built: Database, settings: Settings, chain: Chain, signed: SignedDay, node: str
) -> None:
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 13")
    amended(built, settings, DAY, DAY, "a correction")
    post(settings, built, chain, Period.on(DAY))
    before = check_disclosure(disclosed(built, settings, version=1), node)
    assert before.holds
    assert "superseded" in before.notes[-1]
    assert "a correction" in before.notes[-1]
    after = check_disclosure(disclosed(built, settings), node)
    assert after.holds
    assert after.disclosure.metrics[0].value == "13.00000000"


def test_a_root_that_was_read_elsewhere_is_compared(built: Database, settings: Settings, signed: SignedDay) -> None:
    text = disclosed(built, settings)
    checked = check_disclosure(text, root=signed.root)
    assert checked.holds
    assert checked.unchecked["record"] == "you gave the root; give --rpc for the rest"
    assert not check_disclosure(text, root=b"\x12" * 32).holds


def test_a_disclosure_holds_its_own_salts_and_no_other(built: Database, settings: Settings, signed: SignedDay) -> None:
    text, record = disclosed(built, settings), rebuilt(signed, key_ring(settings))
    shown = [index for index, salt in record.salts.items() if salt.hex() in text]
    assert shown == [13]
    assert ACCOUNT not in text


def test_a_day_that_is_not_signed_or_a_secret_that_is_another_one_is_not_disclosed(
    built: Database, settings: Settings, signed: SignedDay
) -> None:
    with pytest.raises(Permanent, match="has no signed version 2"):
        disclosed(built, settings, version=2)
    with pytest.raises(Permanent, match="nearest: net_pnl"):
        disclosed(built, settings, "net_pln")
    (settings.paths.keys / "salt.secret").write_text("11" * 32)
    with pytest.raises(Permanent, match="salt secret"):
        disclosed(built, settings)
