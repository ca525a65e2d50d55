"""Servers that say of their last ledger what cannot be: nothing is prepared that waits for years, nothing lapses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fntx_dagster.adapters.stellar.horizon import Horizon
from fntx_dagster.errors import Transient
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.transactions import on_stellar, on_xrpl
from fntx_dagster.services.transactions.ledgers import LedgerTerms
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.transactions.preparing import prepare
from tests.services.transactions.desks import SigningDesk


def lies(monkeypatch: pytest.MonkeyPatch, desk: SigningDesk, higher: int = 0, later: int = 0) -> None:
    """The server says that its last ledger is higher by so many, and closed so many seconds later."""
    after = timedelta(seconds=later)

    def of(true: Callable[..., Any], **fields: str) -> Callable[..., Any]:
        def said(*given: Any) -> Any:
            last = true(*given)
            changes = {fields["index"]: getattr(last, fields["index"]) + higher}
            time = getattr(last, fields["time"])
            return last._replace(**changes, **{fields["time"]: time + (later if isinstance(time, int) else after)})

        return said

    if desk.ledger == "xrpl":
        told = of(on_xrpl.validated_ledger, index="ledger_index", time="close_time")
        monkeypatch.setattr(on_xrpl, "validated_ledger", told)
    else:
        monkeypatch.setattr(Horizon, "last_ledger", of(Horizon.last_ledger, index="sequence", time="closed_at"))


@pytest.mark.parametrize(
    ("higher", "later", "said"),
    [
        (4_000_000_000, 0, "a height that no network has"),
        (0, 500 * 24 * 3600, "far ahead of our clock"),
    ],
)
def test_nothing_is_prepared_by_a_ledger_that_cannot_be(
    at_both: SigningDesk, monkeypatch: pytest.MonkeyPatch, higher: int, later: int, said: str
) -> None:
    at_both.prepared("1")
    second = at_both.approved("2")
    with monkeypatch.context() as lying:
        lies(lying, at_both, higher, later)
        with pytest.raises(Transient) as refused:
            prepare(at_both.settings, at_both.db, second)
        # nor is it believed what day it is: bonds fall in default by that, and escrows can be cancelled
        with (
            opened(at_both.settings, configured(at_both.settings), at_both.ledger) as ledger,
            pytest.raises(Transient, match=said),
        ):
            ledger.closed_at()
    assert (said in str(refused.value), "another server" in refused.value.way_out) == (True, True)
    assert not at_both.is_prepared(second)
    row = prepare(at_both.settings, at_both.db, second)
    assert row.ends_at <= row.prepared_ledger + 74_000 if at_both.ledger == "xrpl" else row.ends_at < 2**31


def test_nothing_is_prepared_by_a_height_that_jumped(at_both: SigningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    at_both.prepared("1")
    second = at_both.approved("2")
    server = on_xrpl.XrplTreasury if at_both.ledger == "xrpl" else on_stellar.StellarTreasury
    true = server.terms

    def jumped(*given: Any, **named: Any) -> LedgerTerms:
        terms = true(*given, **named)
        return terms._replace(head=terms.head + 100_000, ends_at=terms.ends_at + 100_000)

    with monkeypatch.context() as lying:
        lying.setattr(server, "terms", jumped)
        with pytest.raises(Transient, match="no ledger comes so far"):
            prepare(at_both.settings, at_both.db, second)
    assert not at_both.is_prepared(second)
    assert prepare(at_both.settings, at_both.db, second).state == "pending_signature"


def test_the_first_transaction_is_prepared_by_no_ledger_of_the_far_future(
    at_both: SigningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = at_both.approved()
    lies(monkeypatch, at_both, higher=4_000_000_000)
    with pytest.raises(Transient, match="a height that no network has"):
        prepare(at_both.settings, at_both.db, proposal)


def test_what_waits_for_signatures_does_not_lapse_by_a_jump_of_days(
    at_both: SigningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = at_both.prepared()
    days = 4 * 24 * 3600
    with monkeypatch.context() as lying:
        lies(lying, at_both, higher=days, later=days)
        settled = at_both.settled(proposal)
    assert (settled.state, at_both.states(proposal)[1]) == ("pending_signature", "pending_signature")
    assert "no ledger comes so far" in settled.words
    assert at_both.settled(proposal).words == "it waits for signatures"


def test_it_lapses_when_the_days_have_passed(at_both: SigningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = at_both.prepared()
    days = 4 * 24 * 3600
    with at_both.db.connect() as connection:
        connection.execute(
            "update treasury.ledger_tx set prepared_at = %s where proposal_id = %s",
            [datetime.now(UTC) - timedelta(seconds=days), proposal],
        )
    lies(monkeypatch, at_both, higher=days // 4, later=days)
    assert at_both.settled(proposal).state == "expired"
