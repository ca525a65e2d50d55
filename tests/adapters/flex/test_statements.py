from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.adapters.flex.sections import SECTIONS
from fntx_dagster.adapters.flex.statements import Covered, FlexFile, Row, Statement
from fntx_dagster.errors import Permanent
from fntx_dagster.simulate.documents import document, row, section, statement, write

SAMPLES = sorted((Path(__file__).parents[3] / "fntx_dagster" / "samples").glob("*.xml"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "statement.xml"


def read(path: Path, text: str) -> tuple[FlexFile, list[Statement | Covered | Row]]:
    file = FlexFile(write(path, text))
    return file, list(file)


def rows_of(path: Path, text: str) -> list[Row]:
    return [item for item in read(path, text)[1] if isinstance(item, Row)]


def value(typed: Row, column: str) -> object:
    return typed.values[[c.name for c in typed.section.columns].index(column)]


def test_the_samples_hold_what_the_broker_delivered() -> None:
    tags: Counter[str] = Counter()
    for sample in SAMPLES:
        file = FlexFile(sample)
        tags.update(item.tag for item in file if isinstance(item, Row))
        assert not file.unknown_sections
        assert not file.unknown_attributes
    assert tags["Trade"] == 60
    assert tags["ChangeInNAV"] == 14
    assert tags["EquitySummaryByReportDateInBase"] == 28
    assert tags["OptionEAE"] == 28


def test_a_trade_is_typed(path: Path) -> None:
    trade = row(
        "Trade",
        transactionID="77",
        quantity="-1",
        tradePrice="0.18",
        reportDate="20250717",
        dateTime="20250717;121417 EDT",
        expiry="2025-07-18",
        putCall="P",
        netCash="-3,000.00",
        taxes="--",
        notes="A;C",
    )
    (only,) = rows_of(path, document(statement(section("Trades", trade))))
    assert (only.identity, only.by_id, only.day, only.line) == ("77", True, date(2025, 7, 17), 5)
    assert value(only, "quantity") == Decimal("-1")
    assert value(only, "date_time") == datetime(2025, 7, 17, 16, 14, 17, tzinfo=UTC)
    assert value(only, "expiry") == date(2025, 7, 18)
    assert value(only, "net_cash") == Decimal("-3000")
    assert value(only, "taxes") is None
    assert value(only, "notes") == "A;C"
    assert value(only, "currency") is None
    assert only.attributes["netCash"] == "-3,000.00"


@pytest.mark.parametrize("name", ["commisionsAndTax", "commissionsAndTax"])
def test_both_spellings_of_commissions_are_read(path: Path, name: str) -> None:
    (only,) = rows_of(path, document(statement(section("OptionEAE", row("OptionEAE", **{name: "-1.5"})))))
    assert value(only, "commissions_and_tax") == Decimal("-1.5")


@pytest.mark.parametrize("tag", ["PendingExcercises", "PendingExercises"])
def test_both_spellings_of_pending_exercises_are_one_section(path: Path, tag: str) -> None:
    _, items = read(path, document(statement(section(tag))))
    assert [item.name for item in items if isinstance(item, Covered)] == ["pending_exercises"]


def test_a_section_without_rows_is_covered(path: Path) -> None:
    _, items = read(path, document(statement(section("Trades"))))
    assert [(type(item).__name__) for item in items] == ["Statement", "Covered"]


def test_siblings_of_trades_differ_by_their_tag_and_never_by_the_brokers_id(path: Path) -> None:
    both = section("Trades", row("Trade", transactionID="7"), row("Lot", transactionID="7"))
    trade, lot = rows_of(path, document(statement(both)))
    assert (trade.tag, trade.by_id) == ("Trade", True)
    assert (lot.tag, lot.by_id) == ("Lot", False)


def test_an_unknown_section_is_kept_and_reported(path: Path) -> None:
    text = document(statement(section("FxLots", row("FxLot", quantity="x", date="whenever"))))
    file, items = read(path, text)
    (only,) = (item for item in items if isinstance(item, Row))
    assert (only.section.table, only.name, only.attributes["quantity"]) == ("other_sections", "FxLots", "x")
    assert file.unknown_sections == {"FxLots"}


def test_an_unknown_row_tag_is_kept(path: Path) -> None:
    (only,) = rows_of(path, document(statement(section("Trades", row("Novelty", quantity="2")))))
    assert (only.tag, value(only, "quantity")) == ("Novelty", Decimal(2))


def test_rows_within_rows_are_kept(path: Path) -> None:
    nested = '<Trades><Group name="g"><Trade transactionID="1"/></Group></Trades>'
    assert [item.tag for item in rows_of(path, document(statement(nested)))] == ["Group", "Trade"]


def test_an_unknown_attribute_is_kept_and_reported(path: Path) -> None:
    file, items = read(path, document(statement(section("Trades", row("Trade", moonPhase="full")))))
    assert file.unknown_attributes == {"trades": {"moonPhase"}}
    assert items[-1].attributes["moonPhase"] == "full"


def test_a_rows_own_account_wins(path: Path) -> None:
    read = rows_of(path, document(statement(section("Trades", row("Trade", accountId="U2"), row("Trade", conid="1")))))
    assert [item.account_id for item in read] == ["U2", "U1000001"]


def test_a_row_reports_its_own_day_inside_the_period_and_else_the_last_day(path: Path) -> None:
    rows = [row("Trade", reportDate=day) for day in ("20250703", "20250801", "")]
    read = rows_of(path, document(statement(section("Trades", *rows), first="20250701", last="20250731")))
    assert [item.day.day for item in read] == [3, 31, 31]


def test_equal_rows_have_equal_identities_whatever_the_order_of_their_attributes(path: Path) -> None:
    rows = (row("CashTransaction", amount="1", type="Fee"), row("CashTransaction", type="Fee", amount="1", conid=""))
    first, second = rows_of(path, document(statement(section("CashTransactions", *rows))))
    assert first.identity == second.identity


def test_rows_without_a_date_differ_from_day_to_day(path: Path) -> None:
    rows = section("CashTransactions", row("CashTransaction", amount="1"))
    text = document(statement(rows), statement(rows, first="20250718"))
    first, second = rows_of(path, text)
    assert first.identity != second.identity


def test_both_days_of_an_equity_summary_are_rows_of_their_own_in_each_statement(path: Path) -> None:
    days = [row("EquitySummaryByReportDateInBase", reportDate=day, cash="1") for day in ("20250716", "20250717")]
    summary = section("EquitySummaryInBase", *days)
    text = document(statement(summary), statement(summary, first="20250718"))
    read = rows_of(path, text)
    assert len({item.identity for item in read}) == 4
    assert [item.day.day for item in read] == [17, 17, 18, 18]


def test_a_statement_that_does_not_say_when_it_was_made_counts_as_made_when_its_period_ended(path: Path) -> None:
    _, items = read(path, document(statement(section("Trades"), generated="")))
    assert items[0].when_generated == datetime(2025, 7, 18, 4, tzinfo=UTC)


def test_a_wrong_count_does_not_matter(path: Path) -> None:
    _, items = read(path, document(statement(), statement(account="U2"), statement(account="U3"), count=2))
    assert [item.account_id for item in items] == ["U1000001", "U2", "U3"]


def test_a_document_on_one_line_is_read(path: Path) -> None:
    text = document(statement(section("Trades", *[row("Trade", transactionID=str(n)) for n in range(5000)])))
    assert len(rows_of(path, text.replace("\n", ""))) == 5000


def test_lines_are_right_beyond_the_65535th(path: Path) -> None:
    filler = "\n" * 70_000
    (only,) = rows_of(path, document(statement(section("Trades", filler, row("Trade", transactionID="1")))))
    assert only.line == 70_006


def test_other_encodings_are_read(path: Path) -> None:
    rows = section("Trades", row("Trade", description="Zürich"))
    path.write_bytes(('<?xml version="1.0" encoding="UTF-16"?>' + document(statement(rows))).encode("utf-16"))
    (only,) = (item for item in FlexFile(path) if isinstance(item, Row))
    assert only.attributes["description"] == "Zürich"


def test_memory_does_not_grow_with_one_huge_statement(path: Path) -> None:
    def peak(count: int) -> int:
        with path.open("w") as file:
            head, tail = document(statement(section("Trades", "ROWS"))).split("ROWS")
            file.write(head)
            for number in range(count):
                file.write(row("Trade", transactionID=str(number), dateTime="20250717;120000", quantity="1") + "\n")
            file.write(tail)
        tracemalloc.start()
        try:
            assert sum(isinstance(item, Row) for item in FlexFile(path)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)  # caches and codecs are filled once
    assert peak(20_000) < peak(1_000) + 500_000


def refusal(path: Path, text: str) -> str:
    with pytest.raises(Permanent) as caught:
        read(path, text)
    assert str(path) in str(caught.value)
    assert caught.value.way_out
    return str(caught.value)


def test_an_unreadable_number_names_line_field_and_value(path: Path) -> None:
    said = refusal(path, document(statement(section("Trades", row("Trade", quantity="1"), row("Trade", taxes="1,2")))))
    assert "line 6: Trade has taxes='1,2', not a number" in said


def test_an_unreadable_date_names_line_field_and_value(path: Path) -> None:
    said = refusal(path, document(statement(section("Trades", row("Trade", expiry="17.07.2025")))))
    assert "line 5: Trade has expiry='17.07.2025', not a date" in said
    assert "yyyyMMdd" in said


@pytest.mark.parametrize("account", ["", "-", " "])
def test_a_statement_without_an_account_is_refused(path: Path, account: str) -> None:
    assert "line 3: FlexStatement has accountId" in refusal(path, document(statement(account=account)))


@pytest.mark.parametrize("day", ["", "soon"])
def test_a_statement_without_a_period_is_refused(path: Path, day: str) -> None:
    said = refusal(path, document(statement(first=day, last="20250717")))
    assert f"line 3: FlexStatement has fromDate={day!r}" in said


def test_a_period_that_ends_before_it_begins_is_refused(path: Path) -> None:
    assert "before it begins" in refusal(path, document(statement(first="20250718", last="20250717")))


def test_an_unreadable_time_of_generation_is_refused(path: Path) -> None:
    assert "whenGenerated='yesterday'" in refusal(path, document(statement(generated="yesterday")))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_off_is_refused(path: Path, share: float) -> None:
    whole = document(statement(section("Trades", *[row("Trade", conid=str(n)) for n in range(100)])))
    assert "cut off" in refusal(path, whole[: int(len(whole) * share)])


@pytest.mark.parametrize(
    "text",
    [
        "<not xml at all",
        "<FlexQueryResponse><b></FlexQueryResponse>",
        "<FlexQueryResponse><x y=1/></FlexQueryResponse>",
        " ",
    ],
)
def test_a_file_that_is_not_xml_is_refused(path: Path, text: str) -> None:
    assert "not well-formed" in refusal(path, text)


def test_another_document_is_refused_by_its_root(path: Path) -> None:
    assert "'report'" in refusal(path, "<report><body/></report>")


def test_the_brokers_error_in_place_of_a_statement_is_repeated(path: Path) -> None:
    said = refusal(
        path,
        """<FlexStatementResponse timestamp="18 July, 2025 05:00 AM EDT"><Status>Warn</Status>
        <ErrorCode>1019</ErrorCode><ErrorMessage>Statement generation in progress.</ErrorMessage>
        </FlexStatementResponse>""",
    )
    assert "1019" in said
    assert "Statement generation in progress." in said


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
    ],
)
def test_a_document_type_declaration_is_refused(path: Path, declaration: str) -> None:
    body = document(statement(section("Trades", '<Trade description="&a;"/>')))
    assert "document type declaration" in refusal(path, declaration + body)


def test_no_two_sections_share_a_table_or_a_tag() -> None:
    assert len({s.table for s in SECTIONS}) == len(SECTIONS)
    tags = [tag for s in SECTIONS for tag in s.tags]
    assert len(set(tags)) == len(tags)


def test_columns_are_read_from_the_brokers_names() -> None:
    attributes = {(s.table, c.name): c.attribute for s in SECTIONS for c in s.columns}
    assert attributes["trades", "orig_transaction_id"] == "origTransactionID"
    assert attributes["trades", "fifo_pnl_realized"] == "fifoPnlRealized"
    assert attributes["trades", "fx_rate_to_base"] == "fxRateToBase"
    assert attributes["option_eae", "event_date"] == "date"
    assert attributes["change_in_nav", "withholding871m"] == "withholding871m"
    assert attributes["open_positions", "open_date_time"] == "openDateTime"
