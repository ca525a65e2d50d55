"""Every page in a real browser: on a telephone, a tablet and a screen, light and dark, with and without script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.alerting import record
from fntx_dagster.services.dashboard.orders import OrderSearch, orders_of
from fntx_dagster.services.escrows.reading import list_escrows
from fntx_dagster.services.execution.reading import desk_document
from fntx_dagster.services.visitors.visitor import OWNER, Visitor
from fntx_dagster.web.app import PAGES
from fntx_dagster.web.asking import Site
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.web.looking import WIDTHS, complaints, look, runs_over, violations
from tests.web.test_pages import ADDRESSES, FILES, address_of
from tests.web.treasury.filling import waiting

pytestmark = [needs_browser, pytest.mark.slow]

OF_ORDERS, OF_SIGNALS = ("orders", "ledger", "gates", "alerts", "system"), ("signals",)
OF_TREASURY = ("treasury", "screening", "audit", "reconciliation")
"""The first parts of the paths whose pages are looked at over the homes of orders, of signals and of the treasury; the
others are looked at over that of the demo."""
FILLED = {
    "/orders/{order}": "/orders/rejected",
    "/ledger/{user:path}/{book}": "/ledger/ada/paper",
    "/gates/{user:path}/{book}": "/gates/ada/paper",
    "/signals/{execution:int}": "/signals/2",
    "/treasury/proposals/{proposal}": "/treasury/proposals/waiting",
    "/audit/events/{seq:int}": "/audit/events/0",
    "/screening/{check:int}": "/screening/2",
    "/treasury/escrows/{escrow}": "/treasury/escrows/kept",
    "/treasury/bonds/{bond}": "/treasury/bonds/BOND-2026-1",
    "/treasury/bonds/{bond}/distributions/{number:int}": "/treasury/bonds/BOND-2026-1/distributions/1",
    "/treasury/desk/{strategy}": "/treasury/desk/sliced",
    "/reconciliation/{number:int}": "/reconciliation/1",
}
NO_PAGES = (
    "/reports/{name}",
    "/ledger/{user:path}/{book}/statement/{date}",
    "/signals/{execution:int}/proof",
    "/treasury/proposals/{proposal}/signing.json",
    "/treasury/proposals/{proposal}/{decision}.bin",
    "/audit/events/{seq:int}/proof.json",
    "/treasury/bonds/{bond}/{kind}.{form}",
    "/reconciliation/{number:int}/report.json",
)
PATHS = [FILLED.get(page.path, address_of(page.path)) for page in PAGES if "GET" in page.methods]
LOOKED_AT = [path for path in PATHS if path not in (*FILES, *map(address_of, NO_PAGES))]


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def alerts(orders_site: Site) -> Iterator[None]:
    """The home of orders with an open alert and one that is over."""
    findings = [Finding(each, f"{each}: records of U…0001 wait for the chain") for each in ("one", "two")]
    record(orders_site.db, [Observed("queue", "these looks", findings)])
    record(orders_site.db, [Observed("queue", "these looks", findings[:1])])
    yield
    record(orders_site.db, [Observed("queue", "these looks", [])])


def test_every_page_that_is_no_file_is_looked_at() -> None:
    assert [path for path in LOOKED_AT if "{" in path] == []
    assert len(LOOKED_AT) == len([page for page in PAGES if "GET" in page.methods]) - len(FILES) - len(NO_PAGES)


@pytest.mark.parametrize("path", LOOKED_AT)
def test_every_page_is_whole_for_everybody_on_every_screen(
    window: Page, path: str, request: pytest.FixtureRequest
) -> None:
    begins = path.split("/")[1]
    homes = {"orders_": OF_ORDERS, "signals_": OF_SIGNALS, "treasury_": OF_TREASURY}
    home = next((home for home, parts in homes.items() if begins in parts), "")
    address: str = request.getfixturevalue(f"{home}address")
    if home == "orders_":
        request.getfixturevalue("alerts")
        found = orders_of(
            request.getfixturevalue("orders_site").db, Visitor("olga", OWNER), OrderSearch(state="rejected")
        )
        assert found is not None
        path = path.replace("rejected", found.orders[0][1].order_id)
    if home == "treasury_":
        db = request.getfixturevalue("treasury_site").db
        path = path.replace("waiting", f"{waiting(db)}").replace("kept", f"{list_escrows(db)[0].row.escrow_id}")
        path = path.replace("sliced", f"{desk_document(db)['strategies'][0]['strategy_id']}")
    wrong: dict[str, list[str]] = {}
    for width in WIDTHS:
        for dark in (False, True):
            look(window, address + path, width, dark=dark)
            faults = complaints(window, address) + runs_over(window) + violations(window)
            if faults:
                wrong[f"{width} px, {'dark' if dark else 'light'}"] = faults
    assert wrong == {}


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_page_without_script_shows_every_figure(window: Page, address: str, path: str) -> None:
    # A page of what changes by itself (the free space of a disk) may show two looks two figures. What only a script
    # shows is missing each time.
    missing = [of_a_script(window, address + path)]
    while missing[-1] and len(missing) < 3:
        missing.append(of_a_script(window, address + path))
    assert not missing[-1], missing


def test_a_figure_that_only_a_script_shows_is_found(window: Page) -> None:
    """The test of the test above."""
    page = "<main>1.5 <span id='late'></span></main><script>late.innerText = '2.75'</script>"
    assert of_a_script(window, f"data:text/html,{quote(page)}") == {"2.75"}


def test_what_is_wrong_with_a_page_is_found(window: Page, address: str) -> None:
    """The test of the tests above."""
    look(window, f"{address}/", WIDTHS[0])
    window.ask(
        """document.querySelector('main').insertAdjacentHTML('beforeend',
        '<img src="http://elsewhere.invalid/x.png"><p class="soft" id="wide">' + 'x'.repeat(500) + '</p>');
        console.error('wrong'); new Promise(done => setTimeout(done, 300))"""
    )
    assert any("elsewhere.invalid" in each for each in complaints(window, address))
    assert any("wrong" in each for each in complaints(window, address))
    assert any(each.startswith("image-alt") for each in violations(window))
    assert runs_over(window)


def of_a_script(window: Page, address: str) -> set[str]:
    """The figures of a page that it shows with scripts and not without them."""
    look(window, address)
    shown = window.ask("document.querySelector('main').innerText")
    look(window, address, scripts=False)
    document = window.send("DOM.getDocument", depth=-1)["root"]["nodeId"]
    main = window.send("DOM.querySelector", nodeId=document, selector="main")["nodeId"]
    without = window.send("DOM.getOuterHTML", nodeId=main)["outerHTML"]
    return figures(shown) - figures(re.sub(r"<[^>]+>", " ", without))


def figures(text: str) -> set[str]:
    return set(re.findall(r"[+-]?\d[\d,]*\.\d+", text))
