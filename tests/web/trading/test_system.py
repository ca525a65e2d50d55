"""The page of the system: what it shows is what `fntx status` and the doctor say; nobody else sees it."""

from __future__ import annotations

import re
import time

import pytest

from fntx_dagster.services.dashboard.system import EXAMINATIONS
from fntx_dagster.services.status import status
from fntx_dagster.services.visitors.visitor import FUND, SOURCE, TRADER, Visitor
from fntx_dagster.settings import Settings
from fntx_dagster.web.asking import Site
from tests.web.asking import ask
from tests.web.trading.conftest import THE_AUDITOR, THE_OWNER
from tests.web.trading.pages import page, words


def test_the_page_shows_the_state_of_each_account_and_dagsters_runs_with_links(site: Site) -> None:
    code, text = page(site, "/system", THE_AUDITOR)
    shown = words(text)
    [state] = status(site.db).accounts
    assert code == 200
    assert f"{state.files:,} {state.first_day} {state.last_day} {len(state.missing)} {state.built}" in shown
    assert re.search(r'href="http://127\.0\.0\.1:3000/runs/[0-9a-f-]{36}"', text)
    assert "Migrations up to 00" in shown
    assert state.account_id not in text


def test_a_dagster_elsewhere_is_linked_where_the_settings_say(site: Site) -> None:
    settings = site.settings.model_copy(
        update={"ui": site.settings.ui.model_copy(update={"url": "https://d.example/x/"})}
    )
    text = page(site._replace(settings=settings), "/system", THE_OWNER)[1]
    assert 'href="https://d.example/x/runs/' in text
    assert "127.0.0.1:3000" not in text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x", 'http://x/"onclick=', "//x"])
def test_an_address_of_dagster_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        Settings.model_validate({"ui": {"url": url}})


def test_a_storage_of_dagster_that_does_not_answer_is_said_and_the_rest_is_shown(orders_site: Site) -> None:
    dagster = orders_site.settings.dagster.model_validate(
        {"database_url": "postgresql://nobody:secret@127.0.0.1:9/none"}
    )
    settings = orders_site.settings.model_copy(update={"dagster": dagster})
    code, text = page(orders_site._replace(settings=settings), "/system", THE_OWNER)
    assert (code, "not known" in text, "secret" in text) == (200, True, False)
    assert "Migrations up to 00" in words(text)


def test_the_doctor_looks_when_he_is_asked_and_says_what_he_found(orders_site: Site) -> None:
    assert page(orders_site, "/system", THE_AUDITOR, {})[0] == 404
    answer = ask(orders_site, "/system", THE_OWNER, {})
    assert (answer.status_code, answer.headers["location"]) == (303, "/system#doctor")
    end = time.monotonic() + 120
    while not (last := EXAMINATIONS.last(orders_site.settings)) or not last.ended:
        assert time.monotonic() < end
        time.sleep(0.2)
    shown = words(page(orders_site, "/system", THE_OWNER)[1])
    assert {"program", "home", "database", "keys and funds"} <= {each.check for each in last.found}
    for each in last.found:
        assert " ".join(f"{each.check} {each.health.value} {each.text}".split()) in shown


@pytest.mark.parametrize("role", [TRADER, FUND, SOURCE])
def test_who_does_not_run_the_platform_finds_no_such_page(orders_site: Site, role: str) -> None:
    visitor = Visitor("ada", role)
    assert page(orders_site, "/system", visitor)[0] == 404
    assert page(orders_site, "/system", visitor, {})[0] == 404
    menu = page(orders_site, "/orders", visitor)[1]
    assert ('href="/system"' in menu, 'href="/alerts"' in menu, 'href="/ledger"' in menu) == (False, False, True)
