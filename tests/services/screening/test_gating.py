"""The gate: who is cleared, who is held back, what people decide, and that nothing passes on a list that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fntx_dagster.compliance.travel_rule import TravelParty, TravelPayment, missing_fields
from fntx_dagster.errors import Permanent
from fntx_dagster.services.screening.addresses import drop_address, set_address
from fntx_dagster.services.screening.deciding import MatchDecision, dispose, rescreen
from fntx_dagster.services.screening.gating import GateAnswer, gate
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import retire_party, set_party
from fntx_dagster.settings import Settings
from fntx_dagster.settings.compliance import ComplianceSettings
from fntx_dagster.store.database import Database
from tests.services.screening.conftest import BY, ROWS, write_list

ADDRESS = "rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe"
FALSE = MatchDecision("false_positive", "Another person: the passport was seen.")
TRUE = MatchDecision("true_match", "The same person.")


def passed(settings: Settings, db: Database, *party_ids: str) -> GateAnswer:
    with db.connect() as connection:
        return gate(settings, connection, party_ids, "proposal:1")


def value(db: Database, query: Any, *parameters: object) -> Any:
    with db.connect() as connection:
        return connection.execute(query, parameters).fetchall()


def events(db: Database) -> list[str]:
    return [row[0] for row in value(db, "select type from treasury.audit_event order by seq")]


def test_a_party_is_cleared_or_held_back_and_each_check_is_kept_and_logged(
    settings: Settings, loaded: Database
) -> None:
    good, bad = passed(settings, loaded, "good"), passed(settings, loaded, "bad")
    assert (good.decision, bad.decision) == ("cleared", "hit")
    assert passed(settings, loaded, "good", "bad").decision == "hit"
    ((lists, status, entity, score, algorithm, threshold),) = value(
        loaded,
        "select lists, status, entity_id, score, algorithm, threshold from treasury.screening where screening_id = %s",
        bad.verdicts[0].screening_id,
    )
    assert [each["list"] for each in lists] == ["opensanctions"]
    assert (status, entity, score, algorithm, threshold) == ("blocked", "NK-1", 100, "fntx-name/1", 77)
    good_and_bad = ["compliance_check_passed", "compliance_check_failed"]
    assert events(loaded) == ["list_loaded", *good_and_bad, *reversed(good_and_bad)]


def test_no_name_of_a_party_is_in_what_is_exported(settings: Settings, loaded: Database) -> None:
    passed(settings, loaded, "bad")
    for table in ("party", "screening", "disposition"):
        assert "antrosk" not in str(value(loaded, f"select * from treasury.{table}"))


def test_nobody_is_cleared_without_a_list_or_with_an_old_one(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    set_party(settings, database, "good", "Helena Brightwater", by=BY)
    set_party(settings, database, "bad", "Aurelio Vantrosk", by=BY)
    assert passed(settings, database, "good").decision == "stale"
    old = write_list(tmp_path / "list.csv", *ROWS, age=timedelta(hours=49))
    load_list(settings, database, old, by=BY)
    answer = passed(settings, database, "good")
    assert (answer.decision, answer.problems) == ("stale", ("list opensanctions: it is 49 hours old",))
    assert passed(settings, database, "bad").decision == "hit"
    load_list(settings, database, write_list(old, *ROWS), by=BY)  # the same bytes, fetched again
    assert passed(settings, database, "good").decision == "cleared"
    needs_another = Settings(home=settings.home, compliance=ComplianceSettings(lists=["opensanctions", "ofac"]))
    assert passed(needs_another, database, "good").problems == ("list ofac: it was never loaded",)


def test_a_false_positive_holds_as_long_as_the_row_and_the_party_stay(
    settings: Settings, loaded: Database, tmp_path: Path
) -> None:
    found = passed(settings, loaded, "bad").verdicts[0]
    assert len(dispose(settings, loaded, found.screening_id, FALSE, by=BY).numbers) == 1
    assert passed(settings, loaded, "bad").decision == "cleared"
    changed = write_list(tmp_path / "list.csv", ROWS[0].replace("zz", "zz;fr"), *ROWS[1:])
    assert load_list(settings, loaded, changed, by=BY).changed
    assert passed(settings, loaded, "bad").decision == "hit"
    with pytest.raises(Permanent, match="has changed since"):
        dispose(settings, loaded, found.screening_id, FALSE, by=BY)
    again = passed(settings, loaded, "bad").verdicts[0]
    dispose(settings, loaded, again.screening_id, FALSE, by=BY)
    assert passed(settings, loaded, "bad").decision == "cleared"
    set_party(settings, loaded, "bad", "Aurelio Vantrosk", "Person", "1961-04-02", by=BY)
    assert passed(settings, loaded, "bad").decision == "hit"
    with pytest.raises(Permanent, match="has changed since"):
        dispose(settings, loaded, again.screening_id, FALSE, by=BY)


def test_a_true_match_takes_back_a_false_positive(settings: Settings, loaded: Database) -> None:
    found = passed(settings, loaded, "bad").verdicts[0]
    dispose(settings, loaded, found.screening_id, FALSE, by=BY)
    dispose(settings, loaded, found.screening_id, TRUE, by=BY)
    assert passed(settings, loaded, "bad").decision == "hit"
    assert events(loaded)[-3:-1] == ["disposition_recorded"] * 2


def test_a_true_match_holds_whatever_the_list_says_until_it_is_called_false(
    settings: Settings, loaded: Database, tmp_path: Path
) -> None:
    found = passed(settings, loaded, "bad").verdicts[0]
    dispose(settings, loaded, found.screening_id, TRUE, by=BY)
    load_list(settings, loaded, write_list(tmp_path / "list.csv", *ROWS[1:]), by=BY)
    kept = passed(settings, loaded, "bad").verdicts[0]
    assert (kept.decision, kept.status, [each.match.entity_id for each in kept.matches]) == ("hit", "blocked", ["NK-1"])
    load_list(settings, loaded, write_list(tmp_path / "list.csv", ROWS[0].replace("zz", "fr"), *ROWS[1:]), by=BY)
    assert [each.disposition is not None for each in passed(settings, loaded, "bad").verdicts[0].matches] == [True]
    load_list(settings, loaded, write_list(tmp_path / "list.csv", *ROWS[1:]), by=BY)
    dispose(settings, loaded, kept.screening_id, FALSE, by=BY)
    assert passed(settings, loaded, "bad").decision == "cleared"


def test_what_is_known_of_a_party_stays_while_a_match_of_it_is_called_true(
    settings: Settings, loaded: Database
) -> None:
    set_address(loaded, "bad", ADDRESS, by=BY)
    found = passed(settings, loaded, "bad").verdicts[0]
    dispose(settings, loaded, found.screening_id, TRUE, by=BY)
    with pytest.raises(Permanent, match="was called true") as refusal:
        set_party(settings, loaded, "bad", "Helena Other", by=BY)
    assert f"dispose {found.screening_id} --as false_positive" in refusal.value.way_out
    with pytest.raises(Permanent, match="was called true"):
        drop_address(loaded, "bad", ADDRESS)
    assert passed(settings, loaded, "bad").decision == "hit"
    dispose(settings, loaded, found.screening_id, FALSE, by=BY)
    set_party(settings, loaded, "bad", "Helena Other", by=BY)
    drop_address(loaded, "bad", ADDRESS)
    assert passed(settings, loaded, "bad").decision == "cleared"


def test_a_change_of_a_party_is_in_the_log(settings: Settings, loaded: Database) -> None:
    before = len(events(loaded))
    set_party(settings, loaded, "good", "Helena Brightwater", "Person", by=BY)
    set_party(settings, loaded, "new", "Somebody New", by=BY)
    assert len(events(loaded)) == before
    set_party(settings, loaded, "good", "Helena Other", "Person", "1970", by=BY)
    retire_party(settings, loaded, "good", by=BY)
    assert events(loaded)[before:] == ["party_changed"] * 2


@pytest.mark.parametrize(
    "decision",
    [
        MatchDecision("maybe", "why"),
        MatchDecision("false_positive", "  "),
        MatchDecision("false_positive", "x" * 1001),
        MatchDecision("false_positive", "why", "NK-3"),
    ],
)
def test_a_decision_of_nothing_is_refused(decision: MatchDecision, settings: Settings, loaded: Database) -> None:
    found = passed(settings, loaded, "bad").verdicts[0]
    with pytest.raises(Permanent):
        dispose(settings, loaded, found.screening_id, decision, by=BY)
    with pytest.raises(Permanent, match="no screening"):
        dispose(settings, loaded, 999, FALSE, by=BY)


def test_a_new_list_is_screened_against_everybody_in_use(settings: Settings, loaded: Database, tmp_path: Path) -> None:
    set_party(settings, loaded, "gone", "Old Customer", by=BY)
    retire_party(settings, loaded, "gone", by=BY)
    first = rescreen(settings, loaded)
    assert [verdict.party_id for verdict in first.answer.verdicts] == ["bad", "good"]
    assert first.new_hits == ("bad",)
    assert rescreen(settings, loaded).new_hits == ()
    more = write_list(tmp_path / "list.csv", *ROWS, "NK-4,Person,Helena Brightwater,,,", "NK-5,Person,Old Customer,,,")
    load_list(settings, loaded, more, by=BY)
    before = len(events(loaded))
    assert rescreen(settings, loaded).new_hits == ("good",)
    assert events(loaded)[before:] == ["compliance_check_failed"]


def test_an_unknown_party_and_nobody_are_refused(settings: Settings, loaded: Database) -> None:
    for party_ids in ((), ("good", "nobody")):
        with pytest.raises(Permanent):
            passed(settings, loaded, *party_ids)
    assert value(loaded, "select count(*) from treasury.screening") == [(0,)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"party_id": "Aurelio Vantrosk"},
        {"name": "---"},
        {"name": "\u202eksortnaV oileruA"},
        {"birth_date": "May"},
        {"countries": ["France"]},
        {"name": "=HYPERLINK(1)" * 40},
    ],
)
def test_a_party_that_could_not_be_screened_is_refused(
    wrong: dict[str, Any], settings: Settings, database: Database
) -> None:
    given: dict[str, Any] = {"party_id": "p", "name": "Aurelio Vantrosk"} | wrong
    with pytest.raises(Permanent):
        set_party(settings, database, **given, by=BY)


def test_a_name_that_is_a_formula_is_screened_like_any_other(settings: Settings, loaded: Database) -> None:
    set_party(settings, loaded, "formula", '=HYPERLINK("http://x")+Aurelio Vantrosk', by=BY)
    assert passed(settings, loaded, "formula").decision == "hit"


PAYER = TravelParty("Helena Brightwater", "rPayer", address="1 Street")
PAID = TravelParty("Aurelio Quill", "rPaid", birth_date="1961-04-02")


@pytest.mark.parametrize(
    ("amount", "originator", "beneficiary", "missing"),
    [
        ("1000", TravelParty(), TravelParty(), []),
        ("1000.01", PAYER, PAID, []),
        ("1000.01", PAYER._replace(address=" "), PAID, ["originator address or date of birth"]),
        ("5000", PAYER, TravelParty("A B"), ["beneficiary account", "beneficiary address or date of birth"]),
    ],
)
def test_a_payment_above_the_amount_names_who_pays_and_who_is_paid(
    amount: str, originator: TravelParty, beneficiary: TravelParty, missing: Sequence[str]
) -> None:
    assert missing_fields(TravelPayment(Decimal(amount), originator, beneficiary), Decimal(1000)) == missing


def test_the_gate_refuses_a_payment_without_the_fields_of_the_travel_rule(settings: Settings, loaded: Database) -> None:
    transfer = TravelPayment(Decimal(2000), PAYER, TravelParty())
    with (
        loaded.connect() as connection,
        pytest.raises(Permanent, match="beneficiary name, beneficiary account"),
    ):
        gate(settings, connection, ["good"], "proposal:1", transfer=transfer)


@pytest.mark.parametrize("table", ["list_version", "party", "screening", "disposition"])
def test_what_was_loaded_screened_and_decided_stays(table: str, settings: Settings, loaded: Database) -> None:
    found = passed(settings, loaded, "bad").verdicts[0]
    dispose(settings, loaded, found.screening_id, FALSE, by=BY)
    for statement in ("delete from", "truncate"):
        command = f"set session_replication_role = replica; {statement} treasury.{table} cascade"
        with psycopg.connect(loaded.url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(command.replace("cascade", "" if "delete" in command else "cascade").encode())
