"""No whole account id and no person's name in what is masked: logs, metadata, the report that the UI opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster import errors
from fntx_dagster.defs.statements import raw_flex_xml
from fntx_dagster.errors import Permanent, know_accounts, without_accounts
from fntx_dagster.model.day import without_brokers_words
from fntx_dagster.report.document import to_json
from fntx_dagster.report.html import AccountReport, to_html
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.story import narrate
from fntx_dagster.services.accounts import chosen_account
from fntx_dagster.settings import Settings
from fntx_dagster.settings.flex import FlexSettings
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.defs.around import platform_of
from tests.defs.test_checks import materialize
from tests.report.role_model import JULY_17, block, event, new_york, quiet_day

KNOWN = "X7Q123456"
NAME = "JOHN Q PUBLIC"


@given(
    before=st.text(st.characters(codec="ascii", categories=("L", "P", "S", "Zs"))),
    after=st.text(max_size=5),
    upper=st.lists(st.booleans(), min_size=len(KNOWN), max_size=len(KNOWN)),
)
def test_a_known_account_is_masked_in_every_case_and_whatever_stands_around_it(
    before: str, after: str, upper: list[bool]
) -> None:
    know_accounts([KNOWN])
    written = "".join(sign if up else sign.lower() for sign, up in zip(KNOWN, upper, strict=True))
    shown = without_accounts(f"{before}{written}{after}")
    assert KNOWN.lower() not in shown.lower()
    assert "X…3456" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("StatementU1000001.xml", "StatementU…0001.xml"),
        ("statementu1000001_2.xml", "statementu…0001_2.xml"),
        ("DUH123456 and duh123456", "D…3456 and d…3456"),
        (f"root 0x{'f12345' * 10}abcd", f"root 0x{'f12345' * 10}abcd"),
        ("run 5af12345-12f4-4d12-8345-df1234567890", "run 5af12345-12f4-4d12-8345-df1234567890"),
        ("US78462F1030, 2025-07-17, 79,754.81 HKD", "US78462F1030, 2025-07-17, 79,754.81 HKD"),
    ],
)
def test_what_looks_like_an_account_is_masked_and_a_hash_stays(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "_known", {})
    assert without_accounts(text) == shown


def test_a_figure_is_no_account_even_where_a_file_calls_it_one() -> None:
    know_accounts(["7412589"])
    assert without_accounts("NAV 997412589.10, 7412589") == "NAV 997412589.10, 7412589"


def test_a_word_is_no_account_even_where_a_file_calls_it_one() -> None:
    words = ["Trades", "SPY", "1", "2025-07-17", "20250717", "0.0001234", "FlexQueryResponse2025XXXX"]
    know_accounts(words)
    assert without_accounts(" ".join(words)) == " ".join(words)


def test_a_file_that_names_accounts_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_known", {})
    know_accounts([KNOWN])
    know_accounts(f"Z{number:07}" for number in range(20_000))
    assert len(errors._known) == 1000
    assert without_accounts(f"{KNOWN} Z0000001") == "X…3456 Z…0001"


def test_dagster_keeps_no_account_of_a_files_name_or_words_whatever_its_form(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "statements"
    folder.mkdir()
    account = "ZK9876543"  # no pattern knows it
    statement = f"<FlexStatement accountId='{account}' fromDate='20250717' toDate='20250717' {{}}>"
    whole = "<FlexQueryResponse><FlexStatements>{}<Trades/></FlexStatement></FlexStatements></FlexQueryResponse>"
    good = whole.format(statement.format("whenGenerated='20250718;010000'"))
    (folder / f"1_Statement{account.lower()}20250717.xml").write_text(good)
    (folder / f"2_{account}DUH123456.xml").write_text(whole.format(statement.format("whenGenerated='never'")))
    (folder / f"3_{account}.xml").write_text("no XML")
    settings = Settings(home=tmp_path, flex=FlexSettings(folder=folder))
    outcome = materialize([raw_flex_xml], days=(JULY_17, JULY_17), platform=platform_of(settings, database))
    assert len(outcome.findings("every_file_is_loaded")) == 2
    assert "Z…6543" in outcome.events
    assert account.lower() not in outcome.events.lower().replace(str(tmp_path).lower(), "")
    assert "duh123456" not in outcome.events.lower()


def test_masked_output_has_no_words_of_the_broker_and_the_owners_has_them() -> None:
    paid = event("f", "deposit", new_york(JULY_17, "10:00"), amount="1", description=f"TRANSFER FROM {NAME}")
    day = quiet_day(blocks=(block("cash", "intraday", paid, impact="1", after="79499.68"),))
    masked, owners = narrate(without_brokers_words(day)), narrate(day)
    for story, times in ((masked, False), (owners, True)):
        for text in (
            to_markdown([story], account_label="U…0001"),
            to_html([AccountReport("U…0001", [story])]),
            to_json([story]),
        ):
            assert (NAME in text) is times
    assert "You deposit 1.00 USD" in to_markdown([masked], account_label=None)
    assert replace(day, blocks=()) == replace(without_brokers_words(day), blocks=())


def test_an_account_that_its_owner_typed_is_not_masked_back_at_him(database: Database) -> None:
    by_hand.fetched(database, "U7000001", JULY_17)
    with pytest.raises(Permanent, match=r"account U9999999 is not loaded \(loaded: U…0001\)"):
        chosen_account(database, "U9999999")
