"""A broker whose statements are fetched in the tests: its days, its accounts, and the settings that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fntx_dagster.model.period import Period
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.fetching import fetch, retire
from fntx_dagster.services.loading import statements_folder
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.delivery import ACTIVITY, answers
from fntx_dagster.simulate.webservice import WebService, serve
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_paths

FIRST, LAST = date(2025, 6, 2), date(2025, 7, 18)
MINE, THEIRS = "4711000000001", "4711000000002"


class Evening:
    """The broker's clock: which day has ended last."""

    def __init__(self, day: date) -> None:
        self.day = day

    @property
    def fetched_at(self) -> datetime:
        """17:00 in Hong Kong on the day after."""
        return datetime(self.day.year, self.day.month, self.day.day, 9, tzinfo=UTC) + timedelta(days=1)


def settings_for(broker: WebService, home: Path, tokens: dict[str, str], **more: object) -> Settings:
    return Settings(
        home=home,
        flex={
            "tokens": tokens,
            "queries": {login: {f"Activity_{login}": ACTIVITY} for login in tokens},
            "url": broker.url,
            "wait": 0.05,
            "throttled_wait": 0.1,
            "deadline": 5,
            **more,
        },
    )


def refresh(settings: Settings, db: Database, evening: Evening, first: date | None = None) -> list[str]:
    """Fetch, load and retire as the assets do; what was fetched, in words."""
    fetched = fetch(settings, db, Period(first or evening.day, evening.day), evening.fetched_at, lambda line: None)
    loads = load_paths(db, archive_of(settings, db).statements())
    assert [load.error for load in loads if load.error] == []
    retire(settings, db, loads)
    return [str(result) for result in fetched]


def files(settings: Settings) -> list[str]:
    folder = statements_folder(settings)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@contextmanager
def broker_of(books: list[Account], evening: Evening) -> Iterator[WebService]:
    customers = {MINE: books[:1], THEIRS: books[1:]}
    with serve(answers(customers, lambda: evening.day), {MINE: [ACTIVITY], THEIRS: [ACTIVITY]}) as service:
        yield service
