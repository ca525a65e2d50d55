"""The report as an HTML page: what it holds, and what it may not hold."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fntx_dagster.report import clock
from fntx_dagster.report.figures import figures
from fntx_dagster.report.html import to_html
from fntx_dagster.report.story import narrate
from tests.accounting.test_provisional import built, example

from .html_pages import TRADES, account, metrics, option, portfolio, role_model_day_page, role_model_page
from .role_model import JULY_17, JULY_18, SPY, block, event, july_17, july_18, new_york, position, quiet_day

GOLDEN = Path(__file__).parents[1] / "golden" / "report"
HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Every element and attribute of a page; the tags must be closed in the order in which they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def tags(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def charts(self) -> list[dict[str, str]]:
        """The drawings as a whole; what lies in one has no role."""
        return [attributes for attributes in self.tags("svg") if "role" in attributes]


@pytest.fixture(scope="module")
def page() -> str:
    return role_model_page()


def test_the_page_of_the_role_models_days_is_the_golden_file(page: str) -> None:
    assert page == (GOLDEN / "role_model.html").read_text(encoding="utf-8")


def test_the_page_of_one_day_from_london_is_the_golden_file() -> None:
    assert role_model_day_page() == (GOLDEN / "role_model_day.html").read_text(encoding="utf-8")


def test_the_page_asks_for_nothing_from_anywhere(page: str) -> None:
    parsed = Page(page)
    for tag, attributes in parsed.elements:
        assert tag not in ("script", "link", "iframe", "object", "embed", "img", "base", "form", "foreignobject"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), name
            if name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
                assert value.startswith("#"), value
    [style] = re.findall(r"<style>(.*?)</style>", page, re.S)
    assert not re.search(r"@import|url\(|https?:", style)


def test_its_policy_allows_its_own_style_sheet_by_hash_and_nothing_else(page: str) -> None:
    [style] = re.findall(r"<style>(.*?)</style>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [tag["content"] for tag in Page(page).tags("meta") if "http-equiv" in tag]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not [attributes for _, attributes in Page(page).elements if "style" in attributes], "it would be refused"


def test_ids_are_there_once_and_every_reference_leads_to_one() -> None:
    parsed = Page(to_html([account(july_17(), july_18()), account(july_17(), july_18(), label="U…0002")]))
    ids = Counter(attributes["id"] for _, attributes in parsed.elements if "id" in attributes)
    assert set(ids.values()) == {1}
    for _, attributes in parsed.elements:
        for name in attributes.get("aria-labelledby", "").split():
            assert name in ids
        if "href" in attributes:
            assert attributes["href"].removeprefix("#") in ids
        for name in re.findall(r"url\(#(.+?)\)", " ".join(attributes.values())):
            assert name in ids


def test_a_chart_is_an_image_with_a_title_a_description_and_no_date(page: str) -> None:
    charts = Page(page).charts()
    assert len(charts) == 3
    for chart in charts:
        assert chart["role"] == "img"
        title, description = chart["aria-labelledby"].split()
        assert re.search(rf'<title id="{title}">[^<]+July 17 – July 18, 2025</title>', page)
        assert re.search(rf'<desc id="{description}">[^<]+</desc>', page)
    assert "metadata" not in page


def test_every_colour_of_a_chart_is_the_pages(page: str) -> None:
    for _, attributes in Page(page).elements:
        for name in ("fill", "stroke"):
            assert attributes.get(name, "none") == "none"


@pytest.mark.parametrize(
    "figure",
    [
        "79,402.22",
        "+352.59",
        "79,754.81",
        "-1,145.44",
        "78,609.37",
        "+590.64",
        "79,200.01",
        "79,231.03",
        "+31.02",
        "-584.06",
        "-267.65",
        "-0.34 %",
    ],
)
def test_the_page_holds_each_figure_of_the_role_model(page: str, figure: str) -> None:
    assert figure in page


def test_what_people_wrote_is_shown_as_they_wrote_it_and_is_never_markup() -> None:
    fee = event("f", "fee", new_york(JULY_17, "10:00"), amount="-1", description=HOSTILE)
    stock = replace(SPY, contract_id="1", symbol=HOSTILE, description=HOSTILE)
    day = quiet_day(
        blocks=(block("cash", "intraday", fee, impact="0", after="79498.68"),),
        open_at_close=(position(stock, "1", HOSTILE),),
        base_currency=HOSTILE,
        difference=Decimal("0.1"),
        unexplained=Decimal("0.1"),
    )
    text = to_html([account(day, label=HOSTILE, options=[option(HOSTILE, HOSTILE)], portfolio=portfolio())])
    parsed = Page(text)
    assert not parsed.tags("script")
    assert not parsed.tags("img")
    assert len(parsed.tags("style")) == 1
    said = "".join(parsed.text)
    assert f"Account {HOSTILE}" in said
    assert f"The broker writes: “{HOSTILE}”." in said
    assert "{{ 7*7 }}" in said
    assert ">49<" not in text


def test_the_risk_at_the_close_says_what_is_undefined_and_why(page: str) -> None:
    table = page[page.index("Greeks at the Close of") :]
    assert re.search(r"SPY July 18, 2025, 629 Call</th><td.*?>ok</td>.*?11\.23 %.*?0\.0412", table, re.S)
    row = r"SPY July 18, 2025, 626 Put</th><td.*?>no price</td><td.*?>– / –</td><td>-1</td><td>–</td>"
    assert re.search(row, table)
    assert "1 of 2 options held has no Greeks, so the sums have none." in table
    assert "1 option has no mark, 1 has no price of its underlying, so their Greeks are empty." in table
    assert "Quantity 0" not in table
    assert "Value at risk needs the moves of 20 past days; the statements give 12 of what is held." in table


def test_a_day_without_computed_risk_has_no_table_of_it() -> None:
    assert "Exposure" not in to_html([account(july_18())])


def test_an_account_has_a_section_of_its_own_with_its_charts_and_its_days() -> None:
    parsed = Page(to_html([account(july_17(), july_18(), label="first"), account(july_18(), label="second")]))
    assert [tag["id"] for tag in parsed.tags("section")] == ["a1", "a2"]
    assert len(parsed.charts()) == 4
    assert [tag["id"] for tag in parsed.tags("article")] == ["a1-2025-07-17", "a1-2025-07-18", "a2-2025-07-18"]


def test_many_days_are_folded_up_and_a_months_are_not() -> None:
    days = [quiet_day(JULY_17 + timedelta(days=n), JULY_17 + timedelta(days=n - 1)) for n in range(40)]
    many, month = Page(to_html([account(*days)])), Page(to_html([account(*days[:22])]))
    assert len([tag for tag in many.tags("details") if tag.get("class") == "day"]) == 40
    assert not [tag for tag in month.tags("details") if tag.get("class") == "day"]
    assert len(month.tags("article")) == 22


def test_metrics_are_shown_whatever_columns_they_have() -> None:
    text = to_html(
        [account(july_18(), metrics=[metrics("decade", xirr=0.125, var_95=-0.0075, novelty=None, trades=1200)])]
    )
    for row in (("XIRR", "12.50 %"), ("VaR 95 % of returns", "-0.75 %"), ("Novelty", "–"), ("Trades", "1,200")):
        assert '<th scope="row" class="word">{}</th><td>{}</td>'.format(*row) in re.sub(r"\s*\n\s*", "", text)


def test_the_page_leads_with_the_return_and_its_curve(page: str) -> None:
    assert re.findall(r"<dt>(.*?)</dt>", page)[:2] == ["Return", "Net P&amp;L"]
    assert '<dd><span class="loss">-0.34 %</span><span class="beside soft">time-weighted</span></dd>' in page
    assert re.findall(r"<figure>\s*<h3>(.*?)</h3>", page) == ["Return", "Net Asset Value", "Drawdown"]


def test_deposits_and_withdrawals_do_not_bend_the_curve() -> None:
    """The same days with money that comes before them and goes after them, and is not at work."""
    rows, curves = [], []
    for moved in (Decimal(0), Decimal(50_000)):
        day = quiet_day(deposits=Decimal(0), withdrawals=moved)
        made = replace(day, closing_nav_official=day.opening_nav_official * Decimal("1.01") - moved)
        following = quiet_day(JULY_18, JULY_17, opening_nav_official=made.closing_nav_official)
        following = replace(following, closing_nav_official=made.closing_nav_official * Decimal("1.02"))
        [curve, *_] = figures([narrate(each) for each in (made, following)], [made, following], "a1")
        rows.append([row[2:] for row in curve.table.rows])
        curves.append(curve.svg)
    assert rows[0] == rows[1] == [("+1.00 %", "+1.00 %", "0.00 %"), ("+2.00 %", "+3.02 %", "0.00 %")]
    assert curves[0] == curves[1]


def test_every_table_lists_the_same_positions(page: str) -> None:
    def named(title: str) -> list[str]:
        table = re.search(rf"<h3>{title}.*?<tbody>(.*?)</tbody>", page, re.S)[1]
        names = re.findall(r'<th scope="row" class="word">(.*?)</th>.*?<td>(-?[\d,]+)</td>', table, re.S)
        return [f"{quantity} {name}" for name, quantity in names]

    held = ["-1 SPY July 18, 2025, 626 Put", "-1 SPY July 18, 2025, 629 Call"]
    assert named("Open Positions") == held
    assert named("Greeks at the Close of") == held
    assert named("Trades") == ["-1 SPY July 17, 2025, 628 Call", *held], "a round trip, and what is open"
    assert "2 are held at the last close, of which 2 end that night." in page


def test_round_trips_that_are_left_out_are_in_the_total(page: str) -> None:
    assert re.search(r"<tfoot>.*?-56\.42", page, re.S)
    assert "those that made or lost most" not in page
    few = to_html([account(july_18(), trades=TRADES._replace(ended=1200, net_pnl=Decimal(7)))])
    assert "1 of 1,200, those that made or lost most; the total is of all." in few
    assert re.search(r"<tfoot>.*?\+7\.00", few, re.S)


def test_each_day_says_whether_it_is_proved_and_where(page: str) -> None:
    text = "".join(Page(page).text)
    assert "NAV 79,754.81 HKD · verified" in text
    assert "NAV 79,231.03 HKD · verified, late" in text
    for said in (
        "0x" + "12" * 32,
        "6,018",
        "2025-07-18 22:00:00",
        "2.5 days",
        "on chain 31337",
        "fntx verify --trader",
    ):
        assert said in text
    assert "proofs" not in re.findall(r'class="(.*?)"', to_html([account(built(example()))])), "it is never signed"


def test_positions_are_valued_at_the_brokers_marks(page: str) -> None:
    row = '<th scope="row" class="word">SPY July 18, 2025, 629 Call</th>'
    rest = re.sub(r"\s*\n\s*", "", page[page.index(row) :])
    cells = re.findall(r"<td[^>]*>(.*?)</td>", rest)[:6]
    assert cells == ["2025-07-18 22:32 HKT", "expired", "-1", "0.37", "0.005", "-0.50 USD"]


def test_times_are_given_for_the_observer_and_once_in_new_york() -> None:
    kolkata = to_html([account(july_18(), observer=clock.zone("Asia/Kolkata"))])
    assert "Kolkata time first, New York time second." in kolkata
    assert "19:00 IST" in kolkata
    assert "HKT" not in kolkata
    new_york_only = to_html([account(july_18(), observer=clock.NEW_YORK)])
    assert "09:30 EDT" in new_york_only
    assert '<p class="when"><span>09:30 EDT</span></p>' in new_york_only


def test_a_day_that_still_runs_is_marked_and_ends_with_the_nav_now() -> None:
    running = built(example())
    text = to_html([account(running)])
    assert "Monday, July 28, 2025 (provisional, as of 22:15 HKT / 10:15 EDT)" in text
    assert "<dt>NAV now</dt>" in text
    assert "Not yet attributed" in text
    unknown = replace(
        running, opening_nav_official=None, opening_nav_calculated=None, closing_nav_calculated=None, difference=None
    )
    assert not Page(to_html([account(unknown)])).charts(), "without an opening there are no steps"


def test_no_days_make_a_page_that_says_so() -> None:
    assert "No trading days." in to_html([])


def test_another_process_writes_the_same_bytes(page: str) -> None:
    code = "import sys; from tests.report.html_pages import role_model_page as p; sys.stdout.buffer.write(p().encode())"
    done = subprocess.run([sys.executable, "-c", code], cwd=GOLDEN.parents[2], capture_output=True, check=True)
    assert done.stdout.decode() == page


def test_the_labels_of_a_chart_are_masked_as_every_other_text() -> None:
    def masked(text: str) -> str:
        return text.replace("Assignment", "MASKED")

    [drawing] = re.findall(r"<figure>.*?</figcaption>", to_html([account(july_18())], masked), re.DOTALL)
    assert "MASKED" in drawing
    assert "Assignment" not in drawing
