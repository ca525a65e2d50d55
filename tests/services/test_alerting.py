"""Alerts to real destinations on loopback: each once to each, none lost, and nothing of a URL anywhere."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from fntx_dagster.adapters.apprise import send
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.services.alerting import AlertDelivery, deliver, mark_of, message, send_test_messages, undelivered_ids
from fntx_dagster.settings import Settings
from fntx_dagster.store.alerts import Alert, Finding, observe, open_alerts, undelivered
from fntx_dagster.store.database import Database

SECRET = "hunter2"


class Destination:
    """Somebody's webhook: takes what comes, or refuses it while it is away."""

    def __init__(self, port: int) -> None:
        self.url = f"json://someone:{SECRET}@127.0.0.1:{port}/{SECRET}-in-the-path"
        self.took: list[tuple[str, str]] = []
        self.away = False

    @property
    def lines(self) -> list[str]:
        return [line for _, text in self.took for line in text.splitlines()]


@contextmanager
def listening() -> Iterator[Destination]:
    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not destination.away:
                destination.took.append((said["title"], said["message"]))
            self.send_response(503 if destination.away else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        destination = Destination(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield destination
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def two() -> Iterator[tuple[Destination, Destination]]:
    with ExitStack() as stack:
        yield stack.enter_context(listening()), stack.enter_context(listening())


@pytest.fixture
def one(two: tuple[Destination, Destination]) -> Destination:
    return two[0]


def settings_for(*destinations: Destination | str) -> Settings:
    return Settings(alerts={"urls": [one if isinstance(one, str) else one.url for one in destinations]})


def find(db: Database, *subjects: str, kind: str = "statements") -> None:
    """A look that finds these, and nothing else of this kind."""
    observe(db, kind, f"a look for {kind}", [Finding(subject, f"{subject} is missing") for subject in subjects])


def days_pass(db: Database) -> None:
    with db.connect() as connection:
        connection.execute("update alm_reporting.alerts set raised_at = raised_at - interval '73 hours'")


def alert(text: str) -> Alert:
    return Alert(1, "check", "source", "subject", None, text, None, None)


def test_an_alert_reaches_each_destination_once_over_many_ticks(
    database: Database, two: tuple[Destination, Destination]
) -> None:
    settings = settings_for(*two)
    for _ in range(4):
        find(database, "Thursday")
        deliver(settings, database)
    assert [one.took for one in two] == [[("FNTX: Statements that do not arrive", "Thursday is missing")]] * 2
    assert undelivered_ids(settings, database) == []


def test_a_destination_that_is_away_gets_it_later_and_the_other_not_twice(
    database: Database, two: tuple[Destination, Destination]
) -> None:
    settings, (here, away) = settings_for(*two), two
    away.away = True
    find(database, "Thursday")
    problem = "the message was not taken; check the address, its credentials and the network"
    assert deliver(settings, database) == [
        AlertDelivery("destination 1 (json)", 1, None),
        AlertDelivery("destination 2 (json)", 0, problem),
    ]
    assert undelivered_ids(settings, database) == [open_alerts(database)[0].alert_id]
    away.away = False
    assert [one.alerts for one in deliver(settings, database)] == [0, 1]
    assert [one.lines for one in (here, away)] == [["Thursday is missing"]] * 2


def test_what_is_found_again_after_it_was_over_is_sent_again(database: Database, one: Destination) -> None:
    for subjects in (["Thursday"], [], ["Thursday"]):
        find(database, *subjects)
        deliver(settings_for(one), database)
    assert one.lines == ["Thursday is missing"] * 2


def test_a_message_for_each_kind(database: Database, one: Destination) -> None:
    find(database, "Thursday", "Friday")
    find(database, "U…0001", kind="verification")
    deliver(settings_for(one), database)
    assert one.took == [
        ("FNTX: Statements that do not arrive", "Thursday is missing\nFriday is missing"),
        ("FNTX: A day fails its verification", "U…0001 is missing"),
    ]


def test_a_flood_is_one_message_and_comes_once(database: Database, one: Destination) -> None:
    find(database, *(f"day {number}" for number in range(50)))
    assert deliver(settings_for(one), database) == [AlertDelivery("destination 1 (json)", 50, None)]
    deliver(settings_for(one), database)
    assert len(one.took) == 1
    assert one.lines[19:] == ["day 19 is missing", "… and 30 more: fntx alerts"]


def test_a_new_destination_does_not_get_what_is_over_and_older_than_three_days(
    database: Database, two: tuple[Destination, Destination]
) -> None:
    old, new = two
    find(database, "Monday")
    deliver(settings_for(old), database)
    days_pass(database)
    find(database, "Thursday")
    deliver(settings_for(old, new), database)
    assert old.lines == ["Monday is missing", "Thursday is missing"]
    assert new.lines == ["Thursday is missing"]


def test_what_is_still_open_after_a_long_outage_is_sent(database: Database, one: Destination) -> None:
    one.away = True
    find(database, "Monday")
    deliver(settings_for(one), database)
    days_pass(database)
    one.away = False
    assert undelivered_ids(settings_for(one), database) == [open_alerts(database)[0].alert_id]
    deliver(settings_for(one), database)
    assert one.lines == ["Monday is missing"]


def test_a_destination_is_known_by_its_url_and_not_by_its_place(
    database: Database, two: tuple[Destination, Destination]
) -> None:
    find(database, "Thursday")
    deliver(settings_for(*two), database)
    deliver(settings_for(*reversed(two)), database)
    assert [len(one.took) for one in two] == [1, 1]


def test_the_same_destination_named_twice_gets_it_once(database: Database, one: Destination) -> None:
    find(database, "Thursday")
    deliver(settings_for(one, one), database)
    assert len(one.took) == 1


def test_a_url_that_nobody_understands_is_named_by_its_place_and_keeps_no_other_from_its_own(
    database: Database, one: Destination
) -> None:
    find(database, "Thursday")
    strange, good = deliver(settings_for("tgram://nothing", one), database)
    assert strange.destination == "destination 1 (tgram)"
    assert "no notification service understands this URL" in strange.problem
    assert good == AlertDelivery("destination 2 (json)", 1, None)


@pytest.mark.parametrize("url", ["", "nonsense", f"{SECRET}@somewhere", "json://", "json://[::1", "slack://x"])
def test_whatever_stands_for_a_url_becomes_a_problem_in_words(database: Database, url: str) -> None:
    find(database, "Thursday")
    [done] = deliver(settings_for(url), database)
    assert done.problem is not None
    assert SECRET not in f"{done}"


def test_a_kind_without_a_title_is_its_own() -> None:
    assert message("weather", [alert("it rains")]) == ("FNTX: weather", "it rains")


def test_twenty_alerts_are_told_in_full() -> None:
    assert message("check", [alert(f"{number}") for number in range(20)])[1].splitlines()[-1] == "19"


def test_the_signs_of_markup_arrive_as_they_are(one: Destination) -> None:
    assert send(SecretStr(one.url), "a * b", "<U…0001> 3 & 4\n_x_ *y*") is None
    assert one.took == [("a * b", "<U…0001> 3 & 4\n_x_ *y*")]


@pytest.mark.parametrize("away", [False, True])
def test_nothing_of_a_url_is_logged_printed_or_kept(
    database: Database,
    one: Destination,
    away: bool,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    one.away = away
    for name in ("", "apprise", "urllib3", "urllib3.connectionpool", "requests"):
        caplog.set_level(logging.DEBUG, name)
    find(database, "Thursday")
    done = deliver(settings_for(one, one.url.replace("127.0.0.1", "127.0.0.1:1")), database)
    done += send_test_messages(settings_for(one))
    with database.connect() as connection:
        kept = connection.execute("select alerts::text from alm_reporting.alerts").fetchall()
    captured = capfd.readouterr()
    for said in (caplog.text, captured.out, captured.err, f"{done}", f"{kept}", repr(settings_for(one))):
        assert SECRET not in said
        assert "someone" not in said


def test_what_others_log_is_heard_again_afterwards(one: Destination, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "urllib3")
    send(SecretStr(one.url), "a", "b")
    logging.getLogger("urllib3.connectionpool").debug("of somebody else")
    assert caplog.messages == ["of somebody else"]


def test_a_mark_recognises_a_destination_and_tells_nothing_of_it() -> None:
    marks = {mark_of(SecretStr(url)) for url in ("json://a", "json://b", "json://a")}
    assert len(marks) == 2
    assert all(len(mark) == 16 and set(mark) <= set("0123456789abcdef") for mark in marks)


class TestTheTerminal:
    @pytest.fixture(autouse=True)
    def home(self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FNTX_HOME", str(tmp_path))
        monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
        monkeypatch.delenv("FNTX_ALERT_URLS", raising=False)

    @pytest.fixture
    def named(self, two: tuple[Destination, Destination], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FNTX_ALERT_URLS", json.dumps([one.url for one in two]))

    def fntx(self, *arguments: str, code: int = 0) -> Result:
        done = CliRunner().invoke(app, ["alerts", *arguments])
        assert done.exit_code == code, done.output
        assert SECRET not in done.output
        return done

    def test_nothing_is_said_in_words(self) -> None:
        assert self.fntx().stdout.strip() == "Nothing needs a person."
        assert json.loads(self.fntx("--json").stdout) == []

    def test_what_is_open_is_listed_and_what_is_over_is_not(self, database: Database) -> None:
        find(database, "Monday")
        find(database, "Thursday")
        said = self.fntx().stdout
        assert "statements" in said
        assert "Thursday is missing" in said
        assert "Monday" not in said

    def test_programs_get_every_field(self, database: Database) -> None:
        day = date(2025, 7, 17)
        observe(database, "verification", "here", [Finding("U…0001", "it [red]fails[/]", day)])
        [built] = json.loads(self.fntx("--json").stdout)
        assert built.keys() == set(Alert._fields)
        assert (built["kind"], built["trading_day"], built["resolved_at"]) == ("verification", "2025-07-17", None)
        assert "it [red]fails[/]" in self.fntx().stdout

    @pytest.mark.usefixtures("named")
    def test_a_test_reaches_each_destination_and_raises_nothing(
        self, database: Database, two: tuple[Destination, Destination]
    ) -> None:
        find(database, "Thursday")
        assert self.fntx("--test").stdout.splitlines() == ["destination 1 (json): sent", "destination 2 (json): sent"]
        assert [one.took for one in two] == [[("FNTX: a test", "Alerts of FNTX will come here.")]] * 2
        assert [len(undelivered(database, mark_of(SecretStr(one.url)), _raised(database))) for one in two] == [1, 1]

    @pytest.mark.usefixtures("named")
    def test_a_test_that_does_not_arrive_says_which_and_fails(self, two: tuple[Destination, Destination]) -> None:
        two[1].away = True
        first, second = json.loads(self.fntx("--test", "--json", code=1).stdout)
        assert first == {"destination": "destination 1 (json)", "alerts": 1, "problem": None}
        assert second["alerts"] == 0
        assert "was not taken" in second["problem"]

    def test_a_test_without_destinations_says_what_to_set(self) -> None:
        done = CliRunner().invoke(app, ["alerts", "--test"])
        assert isinstance(done.exception, Permanent)
        assert "FNTX_ALERT_URLS" in str(done.exception)


def _raised(db: Database) -> object:
    return open_alerts(db)[0].raised_at
