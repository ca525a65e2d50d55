"""`fntx doctor` on a home where all is right, and with one real fault after the other: each is named."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from lxml import etree

from fntx_dagster.samples import SAMPLE_ACCOUNT, SAMPLES
from fntx_dagster.services.chain import serve as serve_chain
from fntx_dagster.services.doctor import examining
from fntx_dagster.services.doctor.checks import Health
from fntx_dagster.services.doctor.examining import Examined, examine
from fntx_dagster.services.doctor.program import unfit_libraries
from fntx_dagster.services.ui_locks import only_daemon_of_the_home
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.webservice import WebService, serve
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_paths
from fntx_dagster.store.server import EmbeddedPostgres
from tests.processes import ALONE, run

TOKEN, EXPIRED = "4711000000001", "4711000000002"
UI_PORT = 3999


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def broker() -> Iterator[WebService]:
    with serve(lambda *_: None, {TOKEN: ["1"]}, expired=[EXPIRED]) as service:
        yield service


@dataclass
class Place:
    """A home whose settings, statements, chain and servers are all right, until a test spoils one."""

    home: Path
    database: Database
    broker: WebService
    variables: dict[str, str] = field(default_factory=dict)

    def examine(self, monkeypatch: pytest.MonkeyPatch, port: int | None = None) -> dict[str, list[Examined]]:
        """What doctor finds, by check."""
        monkeypatch.setenv("FNTX_HOME", str(self.home))
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)
        found: dict[str, list[Examined]] = {}
        for finding in examine(free_port() if port is None else port):
            found.setdefault(finding.check, []).append(finding)
        return found


@pytest.fixture
def place(home: Path, database: Database, broker: WebService) -> Place:
    load_paths(database, [SAMPLES])
    home.chmod(0o700)
    variables = {
        "FNTX_DATABASE_URL": database.url,
        **dict.fromkeys(ALONE, "1"),
        "FNTX_DAGSTER_DATABASE_URL": database.url,
        "FNTX_FLEX_TOKENS": json.dumps({"main": TOKEN}),
        "FNTX_FLEX_QUERIES": json.dumps({"main": {"Activity": "1"}}),
        "FNTX_FLEX_URL": broker.url,
        "FNTX_ALERT_URLS": '["json://localhost"]',
    }
    return Place(home, database, broker, variables)


def wrong(found: dict[str, list[Examined]]) -> list[Examined]:
    return [finding for findings in found.values() for finding in findings if finding.health is Health.WRONG]


def test_what_is_right_is_ticked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place.examine(monkeypatch)
    assert wrong(found) == []
    ticked = {check for check, findings in found.items() if any(f.health is Health.RIGHT for f in findings)}
    named = {"program", "settings", "home", "disk", "database", "dagster's storage", "clock", "token", "statements"}
    assert ticked == named | {"chain", "keys and funds", "port", "alerts"}
    assert {check for check, [first, *_] in found.items() if first.health is Health.UNUSED} == {"broker", "ib gateway"}
    shown = " ".join(f"{f.text} {f.way_out}" for findings in found.values() for f in findings)
    assert TOKEN not in shown
    assert SAMPLE_ACCOUNT not in shown
    assert all(f.way_out for findings in found.values() for f in findings if f.health is Health.ADVICE)


def test_the_token_is_asked_about_without_a_statement_being_generated(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(place.broker.asked)
    place.examine(monkeypatch)
    [asked] = [asked for asked in place.broker.asked[before:] if asked.token]
    assert (asked.stage, asked.answer) == ("GetStatement", "1017")


def readable_keystore(place: Place) -> None:
    file = place.home.parent / "trader.json"
    file.write_text("{}")
    file.chmod(0o640)
    place.variables["FNTX_KEYSTORES"] = json.dumps({"U7654321": str(file)})


def unknown_setting(place: Place) -> None:
    place.variables["FNTX_RCP_URL"] = "http://hunter2"


def unreadable_setting(place: Place) -> None:
    (place.home / ".env").write_text("FNTX_BATCH=999\n")


def unknown_zone(place: Place) -> None:
    place.variables["FNTX_TIME_ZONE"] = "Europe/Londn"


def token_without_queries(place: Place) -> None:
    place.variables["FNTX_FLEX_QUERIES"] = "{}"


def bad_token(place: Place) -> None:
    place.variables["FNTX_FLEX_TOKENS"] = '{"main": "66600000000666"}'


def expired_token(place: Place) -> None:
    place.variables["FNTX_FLEX_TOKENS"] = json.dumps({"main": EXPIRED})


def nobody_serves_statements(place: Place) -> None:
    place.variables["FNTX_FLEX_URL"] = f"http://127.0.0.1:{free_port()}/FlexWebService"


def silent_gateway(place: Place) -> None:
    place.variables["FNTX_GATEWAYS"] = json.dumps({"U1000001": f"127.0.0.1:{free_port()}"})


def misspelt_destination(place: Place) -> None:
    place.variables["FNTX_ALERT_URLS"] = '["json://localhost", "gopher://hunter2"]'


def query_without_a_section(place: Place) -> None:
    with place.database.connect() as connection:
        connection.execute("delete from raw_flex.coverage where section = 'change_in_nav'")
        connection.execute("update raw_flex.equity_summary set attributes = attributes - 'total'")


def query_without_fields(place: Place) -> None:
    with place.database.connect() as connection:
        connection.execute("update raw_flex.trades set attributes = attributes - 'multiplier' - 'tradePrice'")


def person_for_an_account(place: Place) -> None:
    place.variables["FNTX_GATEWAYS"] = '{"Jane Hunter2": "127.0.0.1:9"}'


def name_for_a_query(place: Place) -> None:
    place.variables["FNTX_FLEX_QUERIES"] = '{"main": {"Activity": "mine"}}'


def no_node(place: Place) -> None:
    place.variables["FNTX_RPC_URL"] = f"http://127.0.0.1:{free_port()}"
    place.variables["FNTX_CONTRACTS"] = str(place.home / "chain" / "contracts.json")


def no_contracts_named(place: Place) -> None:
    place.variables["FNTX_RPC_URL"] = f"http://127.0.0.1:{free_port()}"


def no_dagster_database(place: Place) -> None:
    place.variables["FNTX_DAGSTER_DATABASE_URL"] = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/dagster"


def nobody_serves_the_database(place: Place) -> None:
    place.variables["FNTX_DATABASE_URL"] = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/fntx"


@pytest.mark.parametrize(
    ("spoil", "check", "says", "way_out"),
    [
        (readable_keystore, "home", "others may read", "chmod 600"),
        (unknown_setting, "settings", "no setting is called FNTX_RCP_URL", "Did you mean FNTX_RPC_URL?"),
        (unreadable_setting, "settings", ".env", "a whole number from 1 to 150"),
        (unknown_zone, "settings", "there is no time zone 'Europe/Londn'", "Europe/London"),
        (token_without_queries, "settings", "name different things: main", "fntx init"),
        (bad_token, "token", "the token is not valid (code 1015)", "Make a new token in Client Portal"),
        (expired_token, "token", "the token has expired (code 1012)", "Make a new token in Client Portal"),
        (nobody_serves_statements, "token", "cannot be fetched", "Check the network"),
        (silent_gateway, "ib gateway", "U…0001: nothing answers at 127.0.0.1", "Start IB Gateway"),
        (misspelt_destination, "alerts", "destination 2 (gopher): no notification service", "FNTX_ALERT_URLS"),
        (query_without_a_section, "statements", "lack the section Change in NAV", "Add it to the query"),
        (query_without_fields, "statements", "lack the fields tradePrice, multiplier of trades", "Add them"),
        (person_for_an_account, "settings", "not called as the broker calls accounts", "letters and digits"),
        (name_for_a_query, "settings", "'mine' is no number of a query", "Query ID"),
        (no_node, "chain", "does not answer", "Check its URL and the network"),
        (no_contracts_named, "settings", "FNTX_RPC_URL is set without FNTX_CONTRACTS", "Name the file"),
        (no_dagster_database, "dagster's storage", "cannot connect to the database", "try again"),
        (nobody_serves_the_database, "database", "cannot connect to the database", "FNTX_DATABASE_URL"),
    ],
)
def test_a_fault_is_named_with_its_way_out(
    spoil: Callable[[Place], None],
    check: str,
    says: str,
    way_out: str,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil(place)
    found = place.examine(monkeypatch)
    named = [finding for finding in wrong(found) if says in finding.text]
    assert [finding.check for finding in named][:1] == [check], wrong(found)
    assert way_out in named[0].way_out
    shown = " ".join(f"{f.text} {f.way_out}" for findings in found.values() for f in findings)
    assert not any(secret in shown for secret in ("hunter2", "66600000000666", EXPIRED))
    assert found["program"][0].health is Health.RIGHT


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's home can be passed through, and is not closed by itself")
def test_a_secret_in_a_home_that_others_enter_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    key = place.home / "keys" / "deployer.key"
    key.chmod(0o644)
    assert wrong(place.examine(monkeypatch)) == []
    place.home.chmod(0o711)
    [finding] = wrong(place.examine(monkeypatch))
    assert (finding.check, finding.way_out) == ("home", f"chmod 600 {key}")


def test_a_taken_port_is_named_and_that_of_our_own_daemon_is_no_fault(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        [finding] = wrong(place.examine(monkeypatch, port))
        assert (finding.check, finding.text) == ("port", f"port {port} of 127.0.0.1 is taken")
        assert f"fntx ui --port {port + 1}" in finding.way_out
        with only_daemon_of_the_home(Settings(home=place.home), f"http://127.0.0.1:{port}"):
            found = place.examine(monkeypatch, port)
    assert wrong(found) == []
    assert found["daemon"][0].text == f"runs (process {os.getpid()}, http://127.0.0.1:{port})"


def test_a_daemon_that_should_run_is_missed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    [finding] = place.examine(monkeypatch)["daemon"]
    assert (finding.health, "fntx ui" in finding.way_out) == (Health.ADVICE, True)


def test_a_killed_server_is_named_and_the_rest_is_checked(
    place: Place, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedPostgres(short_path / "postgres")
    place.variables["FNTX_DATABASE_URL"] = server.start()
    os.kill(int((server.cluster / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    found = place.examine(monkeypatch)
    assert [finding.check for finding in wrong(found)] == ["database"]
    assert "try again" in found["database"][0].way_out
    assert found["statements"][0].text == "not checked: the database comes first"
    assert {found[check][0].health for check in ("chain", "token", "disk")} == {Health.RIGHT}


@pytest.fixture
def node(deployed: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a chain that somebody else serves, and the file with its contracts' addresses."""
    other = Settings(home=Path(shutil.copytree(deployed, tmp_path / "other")))
    with serve_chain(other, 0) as served:
        yield served.url, other.paths.chain / "contracts.json"


@pytest.mark.parametrize(
    ("change", "says", "way_out"),
    [
        ({"chain_id": 1}, "is for chain 1, but the node serves chain", "FNTX_RPC_URL"),
        ({"TrackRecord": "0x" + "11" * 20}, "has no contract TrackRecord", "FNTX_CONTRACTS"),
    ],
)
def test_a_wrong_chain_is_named(
    change: dict[str, object],
    says: str,
    way_out: str,
    node: tuple[str, Path],
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, file = node
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    place.variables |= {"FNTX_RPC_URL": url, "FNTX_CONTRACTS": str(file)}
    [finding] = [finding for finding in wrong(place.examine(monkeypatch)) if finding.check == "chain"]
    assert says in finding.text
    assert way_out in finding.way_out


def test_a_key_without_funds_and_an_empty_keystore_are_named(
    node: tuple[str, Path], place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = node
    key = secrets.token_hex(32)
    place.variables |= {"FNTX_RPC_URL": url, "FNTX_CONTRACTS": str(file), "FNTX_TRADER_KEY": key}
    (tmp_path / "empty.json").touch(0o600)
    place.variables["FNTX_KEYSTORES"] = json.dumps({"U7654321": str(tmp_path / "empty.json")})
    place.variables["FNTX_KEYSTORE_PASSWORD"] = "hunter2"
    poor, empty = [finding for finding in wrong(place.examine(monkeypatch)) if finding.check == "keys and funds"]
    assert "has 0.0000 ether, and FNTX for 0 records" in poor.text
    assert "Send ether to 0x" in poor.way_out
    assert empty.text.startswith("U…4321: ")
    assert "empty.json is no V3 keystore" in empty.text
    assert key not in poor.text + poor.way_out + empty.text


class _LyingClock(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return "Tue, 01 Jul 2025 00:00:00 GMT"

    def do_GET(self) -> None:
        body = b"<FlexStatementResponse><Status>Fail</Status><ErrorCode>1017</ErrorCode></FlexStatementResponse>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_clock_that_differs_from_the_brokers_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    server = HTTPServer(("127.0.0.1", 0), _LyingClock)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place.variables["FNTX_FLEX_URL"] = f"http://127.0.0.1:{server.server_address[1]}/FlexWebService"
    try:
        [finding] = wrong(place.examine(monkeypatch))
    finally:
        server.shutdown()
        server.server_close()
    assert finding.check == "clock"
    assert "seconds ahead of that of the Flex Web Service" in finding.text
    assert "set-ntp" in finding.way_out


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if done.returncode != 0:
        pytest.skip("this user may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_file_in_the_folder_that_is_not_loaded_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place.home / "ibkr_flexquery"
    folder.mkdir()
    (folder / "cut.xml").write_text("<FlexQueryResponse")
    shown = [finding.text for finding in place.examine(monkeypatch)["statements"]]
    assert f"not loaded from {folder}: cut.xml" in shown


def test_a_secret_that_was_open_until_now_is_named_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.home / "fntx.toml"
    file.write_text("")
    file.chmod(0o644)
    place.home.chmod(0o755)
    [first, *_] = place.examine(monkeypatch)["home"]
    assert first.text == f"others could read {file} until now; it is closed to them"
    assert all("until now" not in finding.text for finding in place.examine(monkeypatch)["home"])


def test_a_full_disk_is_named(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.home = tmp_path / "small"
    place.home.mkdir(0o700)
    with small_disk(place.home):
        (place.home / "filled").write_bytes(bytes(2**20))
        [finding] = [finding for finding in wrong(place.examine(monkeypatch)) if finding.check == "disk"]
    assert "only 1.0 MB are free" in finding.text
    assert "Free some space" in finding.way_out


def test_a_trade_without_a_time_is_named(
    place: Place, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = etree.parse(SAMPLES / "Trades_MTD_20250719.xml")
    for trade in tree.iter("Trade"):
        trade.set("dateTime", trade.get("dateTime", "").split(";")[0].split(" ")[0])
    for statement in tree.iter("FlexStatement"):
        statement.set("whenGenerated", "20250801;120000")
    tree.write(tmp_path / "later.xml")
    load_paths(database, [tmp_path / "later.xml"])
    [finding] = wrong(place.examine(monkeypatch))
    assert finding.text == "the last statements of U…0001 lack a time of day in dateTime"
    assert "HHmmss" in finding.way_out


def test_a_library_that_is_missing_or_too_old_is_named() -> None:
    needed = [
        "pydantic>=2",
        "pydantic>=99",
        "no-such-library>=1",
        'pytest>=99; extra == "dev"',
        "lxml<1; os_name == 'x'",
    ]
    first, second = unfit_libraries(needed)
    assert first.startswith("pydantic 2.")
    assert first.endswith("(needs >=99)")
    assert second == "no-such-library is missing"


def test_a_check_that_hangs_or_crashes_is_a_failed_check_and_harms_no_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_: object) -> Iterator[None]:
        raise KeyError("hunter2")
        yield

    monkeypatch.setattr(examining, "SECONDS", 6.0)
    monkeypatch.setitem(examining._CHECKS, "disk", crash)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        place.variables["FNTX_RPC_URL"] = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        place.variables["FNTX_CONTRACTS"] = str(place.home / "chain" / "contracts.json")
        found = place.examine(monkeypatch)
    assert "the check itself failed (KeyError at test_doctor.py:" in found["disk"][0].text
    assert "hunter2" not in found["disk"][0].text
    assert found["chain"][0].text == "no answer within 6 seconds"
    assert found["token"][0].health is Health.RIGHT


def test_a_home_is_set_up_and_then_found_right(short_path: Path, broker: WebService) -> None:
    """`fntx init --non-interactive`, then `fntx doctor`, as a user has them: nothing is there before."""
    home = short_path / "home"
    (short_path / "token").write_text(TOKEN)
    given = ("--time-zone", "Europe/London", "--token-file", str(short_path / "token"), "--query", "1")
    assert run(home, "init", "--non-interactive", *given).returncode == 0
    try:
        done = run(home, "doctor", "--port", str(free_port()), FNTX_FLEX_URL=broker.url)
        assert done.returncode == 0, done.stdout
        for check in ("program", "settings", "home", "disk", "database", "dagster's storage", "clock", "token", "port"):
            assert f"✓ {check}: " in done.stdout
        assert "Nothing is to be mended." in done.stdout
        spoilt = run(home, "doctor", "--json", FNTX_FLEX_URL=broker.url, FNTX_GATEWAYS='{"U1": "127.0.0.1:1"}')
        assert spoilt.returncode == 1
        shown = json.loads(spoilt.stdout)
        assert shown["right"] is False
        assert [found["check"] for found in shown["checks"] if found["health"] == "wrong"][-1:] == ["ib gateway"]
    finally:
        run(home, "db", "stop")
