"""`fntx serve` as a person starts, enters and ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import homes
from tests.tools import needs_browser
from tests.verify.browser import browser
from tests.web.looking import complaints, look
from tests.web.served import entered, served


@needs_browser
@pytest.mark.slow
def test_a_person_enters_by_the_printed_link_and_ends_it_by_a_signal(demo_home: Path) -> None:
    with homes.home(demo_home) as folder, served(folder) as (process, link):
        with browser() as page:
            address = entered(page, link)
            assert "Account U…0001" in page.ask("document.querySelector('main').innerText")
            look(page, f"{address}/a/1/day/2025-07-17")
            assert page.ask("document.querySelector('h1').innerText") == "Thursday, July 17, 2025"
            assert complaints(page, address) == []
        process.terminate()
        said, _ = process.communicate(timeout=60)
        assert said.splitlines()[-1] == "The dashboard has ended."
        assert process.returncode == 0
