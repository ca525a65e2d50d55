"""A site on a database of its own, with its real doors, and browsers that ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.visitors import signing_in, users
from fntx_dagster.settings import Settings
from fntx_dagster.settings.web import WebSettings
from fntx_dagster.store.database import Database
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site

FORM = "application/x-www-form-urlencoded"
PASSWORD = "correct horse battery"


class Browser:
    """One that keeps cookies, follows no redirect and says where a form came from, as browsers do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(self.url + path, headers=headers, allow_redirects=False, timeout=60)

    def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> requests.Response:
        sent: dict[str, Any] = {"Content-Type": FORM, "Sec-Fetch-Site": "same-origin"} | headers
        return self.session.post(self.url + path, data=form or {}, headers=sent, allow_redirects=False, timeout=60)

    def enter(self, secret: str) -> requests.Response:
        return self.post("/enter", {"code": secret})

    @property
    def cookie(self) -> str | None:
        return self.session.cookies.get("fntx")


class House:
    """A served site, and whoever comes to it."""

    def __init__(self, site: Site, url: str) -> None:
        self.site, self.db, self.url = site, site.db, url

    def browser(self) -> Browser:
        return Browser(self.url)

    def user(self, name: str, role: str, *, password: bool = False) -> None:
        users.add_user(self.db, name, role)
        if password:
            users.set_password(self.db, name, PASSWORD)

    def signed_in(self, name: str | None = None) -> Browser:
        """A browser that has entered by a link: of a user, or of the owner of the machine."""
        secret = signing_in.link_of_user(self.db, name) if name else signing_in.link_of_machine(self.db)
        browser = self.browser()
        answer = browser.enter(secret)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/"), answer.text
        return browser


@pytest.fixture
def serve(database: Database, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Serves a site with these settings of the group `web`."""
    ends: list[Any] = []

    def start(**web: Any) -> House:
        settings = Settings(home=tmp_path, web=WebSettings(**web))
        site = Site(settings, database, HONG_KONG)
        serving = served(make_site(site, make_app(desk_of(settings, database), settings)))
        ends.append(serving)
        return House(site, serving.__enter__())

    yield start
    for each in ends:
        each.__exit__(None, None, None)


@pytest.fixture
def house(serve: Callable[..., House]) -> House:
    """A site as a laptop has it."""
    return serve()
