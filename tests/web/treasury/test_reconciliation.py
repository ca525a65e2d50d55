"""The pages of reconciliations: the list, one with what differs and what to do, its report as a file, and who sees
them."""

from __future__ import annotations

import json

from fntx_dagster.services.reconciling.running import run
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from tests.web.asking import ask
from tests.web.trading.pages import page, words
from tests.web.treasury.conftest import THE_AUDITOR, THE_OWNER, Desk


def test_a_run_is_listed_and_shown_with_what_to_do(desk: Desk) -> None:
    assert "Nothing was reconciled yet." in words(desk.shown("/reconciliation"))
    done = run(desk.settings, desk.db, "xrpl")
    assert done.summary.mismatched > 0
    listed = desk.shown("/reconciliation")
    assert 'href="/reconciliation/1"' in listed
    assert "something differs" in listed
    text = desk.shown("/reconciliation/1", THE_AUDITOR)
    shown = words(text)
    assert "xrpl.balance.amm differs the account amm is not on the ledger Fund the account" in shown
    assert f"{done.run.xrpl_ledger:,}" in shown
    assert done.run.report_hash in text
    assert f'href="/audit/events/{done.run.audit_seq}"' in text
    answer = ask(desk.site, "/reconciliation/1/report.json", THE_OWNER)
    assert json.loads(bytes(answer.body)) == done.report
    assert page(desk.site, "/reconciliation/2", THE_OWNER)[0] == 404


def test_nobody_else_sees_them(desk: Desk) -> None:
    run(desk.settings, desk.db, "stellar")
    for role in (FUND, SOURCE, TRADER):
        for address in ("/reconciliation", "/reconciliation/1", "/reconciliation/1/report.json"):
            assert page(desk.site, address, Visitor("ada", role))[0] == 404
