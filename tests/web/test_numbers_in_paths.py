"""Numbers in paths."""

from __future__ import annotations

import pytest
from starlette.routing import Match, Route

from fntx_dagster.web.app import PAGES


@pytest.mark.parametrize("path", ["/a/{}", "/a/{}/today", "/signals/{}"])
@pytest.mark.parametrize("digits", ["9" * 19, "9" * 5000, "\u0661", "-1", ""])
def test_a_number_that_nothing_can_have_leads_to_no_page(path: str, digits: str) -> None:
    scope = {"type": "http", "method": "GET", "path": path.format(digits)}
    of_pages = [Route(page.path, lambda request: request).matches(scope)[0] for page in PAGES]
    assert set(of_pages) == {Match.NONE}
