"""The pages of the record for visitors of every role: what is whole, what is masked, and what is nobody's."""

from __future__ import annotations

import pytest

from fntx_dagster.services.dashboard.sources import MASKED
from fntx_dagster.services.visitors.visitor import AUDITOR, FUND, OWNER, TRADER, Visitor
from fntx_dagster.web.asking import Site
from tests.web.asking import ask

ACCOUNT = "U1000001"
RANGE = "?from=2025-07-01&to=2025-07-18"
PATHS = [
    "/a/1",
    "/a/1/day/2025-07-01",
    "/a/1/day/2025-07-01/fills",
    f"/a/1/period{RANGE}",
    "/a/1/performance",
    "/a/1/positions",
    "/a/1/trades",
    "/a/1/trades/3940000364",
    "/a/1/raw/cash_transactions/1",
    "/a/1/raw/trades/2",
    *(f"/a/1/report.{form}{RANGE}" for form in ("md", "json", "html")),
]


@pytest.mark.parametrize("path", PATHS)
def test_a_fund_reads_every_page_and_no_account_or_words_of_the_broker(site: Site, path: str) -> None:
    answer = ask(site, path, Visitor("fund", FUND, frozenset({ACCOUNT})))
    assert answer.status_code == 200
    text = bytes(answer.body).decode()
    assert ACCOUNT not in text
    assert "ACCOUNT HOLDER" not in text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", [TRADER, FUND, AUDITOR])
def test_an_account_that_is_not_his_is_no_page_for_anybody(site: Site, path: str, role: str) -> None:
    answer = ask(site, path, Visitor("stranger", role, frozenset({"U7654321"})))
    assert answer.status_code == 404
    assert "79,231.03" not in bytes(answer.body).decode()


@pytest.mark.parametrize("role", [OWNER, TRADER, AUDITOR])
def test_who_checks_the_rows_sees_them_whole(site: Site, role: str) -> None:
    text = bytes(ask(site, "/a/1/raw/cash_transactions/1", Visitor("he", role)).body).decode()
    assert ACCOUNT in text
    assert "DISBURSEMENT INITIATED BY ACCOUNT HOLDER" in text
    masked = bytes(ask(site, "/a/1/raw/cash_transactions/1", Visitor("fund", FUND)).body).decode()
    assert f'<td class="word">{MASKED}</td>' in masked
    assert "-1500" in masked
