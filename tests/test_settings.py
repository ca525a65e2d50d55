"""Settings: short and grouped names, the files of the home, and errors that name a setting and never show its value."""

from __future__ import annotations

import re
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fntx_dagster import settings as room
from fntx_dagster.errors import Permanent, masked, without_accounts
from fntx_dagster.services.environment import dagster_environment, dbt_environment
from fntx_dagster.settings import (
    Settings,
    child_environment,
    export,
    known_settings,
    load_settings,
    places,
    secret_settings,
    write_settings,
)
from fntx_dagster.settings.forms import JSON_FORM
from fntx_dagster.settings.names import SHORT_NAMES, is_internal, variable, variables
from fntx_dagster.settings.sources import from_files
from fntx_dagster.store.database import Database
from tests.settings_table import with_table

ROOT = Path(__file__).parents[1]
_GIVEN = {"batch": ("7", 7), "gateways": ('{"U1": "h:1"}', {"U1": "h:1"}), "keep_statements": ("true", True)}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that the environment names."""
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("FNTX_BATCH", "1000", "a whole number from 1 to 150"),
        ("FNTX_BATCH", "abc", "a whole number from 1 to 150"),
        ("FNTX_CONFIRMATIONS", "-1", "a whole number from 0 on"),
        ("FNTX_FLEX_WAIT", "0", "a number above 0"),
        ("FNTX_FLEX_DATE_ORDER", "both", "day-first or month-first"),
        ("FNTX_KEEP_STATEMENTS", "perhaps", "true or false"),
        ("FNTX_UI_TOKEN", "short", "a text of at least 16 characters"),
        (
            "FNTX_GATEWAYS",
            "short",
            JSON_FORM,
        ),
    ],
)
def test_a_setting_that_cannot_be_read_is_named_with_its_form(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, form: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Permanent) as raised:
        load_settings()
    assert str(raised.value) == f"cannot read the setting {name}. Correct or unset it: it has to be {form}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FNTX_FX_FALLBACK", "USD/HKD=7.8"),
        ("FNTX_FX_FALLBACK", '{"USD/HKD": "much"}'),
        ("FNTX_INITIAL_CAPITAL", '{"U1234567": "a secret sum"}'),
        ("FNTX_FIRST_SESSION", "yesterday"),
        ("FNTX_FLEX_QUERIES", '{"main": {"A": "1", "A": "2"}}'),
        ("FNTX_FLEX_TOKENS", '{"main": 7.8}'),
        ("FNTX_FLEX__TOKENS", '{"main": 7.8}'),
        ("FNTX_POSTING__BATCH", "7.8"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Permanent, match=f"cannot read the setting {name}") as raised:
        load_settings()
    for part in (value, "U1234567", "secret", "yesterday", "7.8"):
        assert part not in str(raised.value)


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", "")
    monkeypatch.setenv("FNTX_RPC_URL", "")
    settings = load_settings()
    assert settings.paths.home.name == ".fntx"
    assert settings.chain.rpc_url is None


def test_secrets_print_as_asterisks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_TRADER_KEY", "ab" * 32)
    monkeypatch.setenv("FNTX_DATABASE_URL", "postgresql://me:hunter2@db/fntx")
    assert "abab" not in repr(load_settings())
    assert "hunter2" not in repr(load_settings())


def test_a_user_has_keys_at_an_exchange_which_print_as_asterisks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_EXCHANGE_KEYS", '{"ada": {"kucoin": {"key": "k1", "secret": "s1", "password": "p1"}}}')
    exchanges = load_settings().exchanges
    keys = exchanges.keys_of("ada", "kucoin")
    assert keys is not None
    assert keys.password is not None
    assert (keys.key.get_secret_value(), keys.secret.get_secret_value()) == ("k1", "s1")
    assert (exchanges.keys_of("bob", "kucoin"), exchanges.keys_of("ada", "luno")) == (None, None)
    assert not {"k1", "s1", "p1"} & {*re.findall(r"\w+", repr(exchanges))}


def every_variable() -> set[str]:
    """Every name of a setting, those that name the file of a secret too."""
    names = variables({*known_settings()})
    return {*names} | {f"{name}_FILE" for name, setting in names.items() if setting in secret_settings()}


class TestNames:
    """A setting of a group has a short name and a grouped name."""

    @pytest.mark.parametrize("short", _GIVEN)
    def test_either_name_sets_it(self, short: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text, value = _GIVEN[short]
        group, field = SHORT_NAMES[short].split(".")
        for name in (f"FNTX_{short}".upper(), variable(SHORT_NAMES[short]), variable(SHORT_NAMES[short]).lower()):
            monkeypatch.setenv(name, text)
            assert getattr(getattr(load_settings(), group), field) == value
            monkeypatch.delenv(name)

    def test_both_may_be_set_alike_but_not_to_different_values(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FNTX_DATABASE_URL", "postgresql://one")
        monkeypatch.setenv("FNTX_DATABASE__URL", "postgresql://one")
        assert load_settings().database.url
        monkeypatch.setenv("FNTX_DATABASE__URL", "postgresql://two")
        with pytest.raises(Permanent, match="FNTX_DATABASE_URL and FNTX_DATABASE__URL are two names") as raised:
            load_settings()
        assert "postgresql://" not in str(raised.value)

    @pytest.mark.parametrize(
        ("slip", "meant"),
        [
            ("FNTX_RCP_URL", "FNTX_RPC_URL"),
            ("FNTX_DATABASE_UR", "FNTX_DATABASE_URL"),
            ("FNTX_DAGSTER_DATABASE_URLS", "FNTX_DAGSTER_DATABASE_URL"),
            ("FNTX_CHAIN__CONFIRMATION", "FNTX_CHAIN__CONFIRMATIONS"),
        ],
    )
    def test_an_unknown_name_is_an_error_that_suggests_the_nearest(
        self, slip: str, meant: str, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(slip, "hunter2")
        with pytest.raises(Permanent, match=rf"no setting is called {slip}\. Did you mean {meant}\?") as raised:
            load_settings()
        assert "hunter2" not in str(raised.value)

    def test_a_name_like_no_other_gets_no_suggestion(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("FNTX_OXQJ_71", "FNTX_FOO"):
            monkeypatch.setenv(name, "1")
            with pytest.raises(Permanent, match=rf"no setting is called {name}\. docs/settings.md lists all"):
                load_settings()
            monkeypatch.delenv(name)

    def test_what_the_program_sets_itself_is_no_unknown_name(
        self, home: Path, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = Settings(home=home, database={"url": database.url}, dagster={"database_url": database.url})
        own = dagster_environment(settings) | dbt_environment(settings) | {"FNTX_TEST_PROFILE": "search"}
        own = {name for name in own if name.startswith("FNTX_")} - {"FNTX_HOME"}
        assert all(is_internal(name) for name in own)
        for name in own:
            monkeypatch.setenv(name, "x")
        load_settings()

    def test_a_setting_that_is_exported_replaces_its_other_name(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FNTX_FLEX__URL", "https://mine")
        assert "FNTX_FLEX__URL" not in child_environment({"FNTX_FLEX_URL": "https://other"})
        monkeypatch.setenv("FNTX_FLEX_URL", "https://mine")  # so that it is restored afterwards
        export({"FNTX_FLEX_URL": "https://other"})
        assert load_settings().flex.url == "https://other"

    def test_each_setting_of_a_group_has_one_short_name(self) -> None:
        assert {*SHORT_NAMES.values()} == {*known_settings()} - {"home"}
        assert len({*SHORT_NAMES.values()}) == len(SHORT_NAMES)
        assert not {*SHORT_NAMES} & {*Settings.model_fields}

    def test_a_settings_value_takes_groups_and_no_short_name(self) -> None:
        settings = Settings(chain={"confirmations": 3, "explorer_url": "https://x/{tx_hash}"})
        assert (settings.chain.confirmations, settings.chain.explorer_url) == (3, "https://x/{tx_hash}")
        for short in SHORT_NAMES:
            assert not hasattr(settings, short)
            with pytest.raises(ValidationError, match="Extra inputs"):
                Settings(**{short: "3"})

    def test_the_docs_list_every_name_with_its_meaning_and_no_other(self) -> None:
        text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
        rows = [
            [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| `")
        ]
        listed = {grouped.strip("`") or name.strip("`"): name.strip("`") for name, grouped, _ in rows}
        short = {setting: f"FNTX_{name}".upper() for name, setting in SHORT_NAMES.items()}
        assert listed == {variable(setting): short.get(setting, "FNTX_HOME") for setting in known_settings()}
        assert all(meaning for *_, meaning in rows)
        assert text == with_table(text), "run: .venv/bin/python -m tests.settings_table"
        named = set(re.findall(r"\b(FNTX_[A-Z_]+)\b", text))
        assert named <= every_variable()

    def test_every_name_of_a_setting_in_code_and_docs_is_one(self) -> None:
        files = [*(ROOT / "fntx_dagster").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
        known = every_variable()
        for file in files:
            named = set(re.findall(r"(?<![A-Z_])FNTX_[A-Z_]*[A-Z]\b(?!_)", file.read_text(encoding="utf-8")))
            unknown = {name for name in named if name not in known and not is_internal(name)}
            assert unknown <= {"FNTX_PASSWORD", "FNTX_IMAGE"}, file  # libpq's in an example; that of Compose

    def test_messages_and_documents_use_the_short_names(self) -> None:
        """The grouped names are explained in docs/settings.md and settings/names.py, and announced in CHANGELOG.md."""
        texts = [*(ROOT / "fntx_dagster").rglob("*.py"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
        grouped = {file.name for file in texts if re.search(r"\bFNTX_[A-Z]+__[A-Z]", file.read_text(encoding="utf-8"))}
        assert grouped == {"settings.md", "names.py", "CHANGELOG.md"}


class TestFiles:
    """`.env` and `fntx.toml` in the home, both beneath the environment."""

    TOML = """
    [flex]
    wait = 0.5
    queries = {main = {Trades = "1"}}
    [flex.tokens]
    main = "hunter2"
    [risk]
    risk_free_rates = {USD = 0.05}
    [dagster]
    first_session = 2024-01-02
    [posting]
    batch = 9
    """

    def test_a_toml_file_has_a_table_for_each_group(self, home: Path) -> None:
        (home / "fntx.toml").write_text(self.TOML)
        settings = load_settings()
        assert settings.flex.tokens["main"].get_secret_value() == "hunter2"
        assert settings.flex.queries == {"main": {"Trades": "1"}}
        assert settings.risk.risk_free_rates == {"USD": Decimal("0.05")}
        assert (settings.flex.wait, settings.posting.batch) == (0.5, 9)
        assert str(settings.dagster.first_session) == "2024-01-02"

    def test_an_env_file_has_lines_as_a_shell_does(self, home: Path) -> None:
        (home / ".env").write_text(
            '# mine\n\nexport FNTX_GATEWAYS=\'{"U1": "h:1"}\'\nFNTX_DATABASE__URL=postgresql://u:a#b@h/d\nFNTX_BATCH=\n'
        )
        settings = load_settings()
        assert settings.gateway.addresses == {"U1": "h:1"}
        assert settings.database.url is not None
        assert settings.database.url.get_secret_value() == "postgresql://u:a#b@h/d"
        assert settings.posting.batch == 100

    @pytest.mark.parametrize(
        "line",
        [
            "FNTX_TIME_ZONE=Europe/London # mine",
            'export FNTX_TIME_ZONE="Europe/London" # x',
            "  FNTX_TIME_ZONE='Europe/London'\t#x 'y",
            "PATH=/x\nOTHER='a # b'\nFNTX_TIME_ZONE=Europe/London",
        ],
    )
    def test_comments_and_other_programs_variables_do_no_harm_in_an_env_file(self, line: str, home: Path) -> None:
        (home / ".env").write_text(f"{line}\n")
        assert load_settings().report.time_zone == "Europe/London"

    @given(st.text(alphabet="ab #'\"\\=\t", max_size=14))
    @settings(max_examples=60)
    def test_an_env_file_is_read_as_a_shell_reads_it(self, value: str) -> None:
        line = f"FNTX_TIME_ZONE={value}"
        shell = subprocess.run(
            ["/bin/sh", "-c", f'{line}\nprintf %s "$FNTX_TIME_ZONE"'], capture_output=True, text=True, env={"PATH": ""}
        )
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / ".env").write_text(f"{line}\n")
            try:
                ours = from_files(Path(folder), {"report.time_zone"})
            except Permanent:
                return  # what a shell runs as a command, and what it cannot read
        read = ours.get("report.time_zone")
        assert not shell.stderr
        assert (read.value if read else "") == shell.stdout

    def test_the_environment_goes_before_env_and_that_before_toml(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / "fntx.toml").write_text("[posting]\nbatch = 1\nstuck_after = 1\nmined_within = 1\n")
        (home / ".env").write_text("FNTX_BATCH=2\nFNTX_STUCK_AFTER=2\n")
        monkeypatch.setenv("FNTX_POSTING__BATCH", "3")
        posting = load_settings().posting
        assert (posting.batch, posting.stuck_after, posting.mined_within) == (3, 2, 1)

    @pytest.mark.parametrize(
        ("file", "text", "error"),
        [
            ("fntx.toml", "[posting]\nbatch = hunter2\n", r"cannot read line 2 of .*fntx\.toml: it is not TOML"),
            ("fntx.toml", "[flex.tokens]\nhunter2 = 1\n", r"cannot read the setting flex\.tokens in .*fntx\.toml"),
            ("fntx.toml", "[posting]\nbatches = 'hunter2'\n", r"called posting\.batches .*mean posting\.batch\?"),
            (
                "fntx.toml",
                "home = 'hunter2'\n",
                r"no setting is called home in .*in the environment only",
            ),
            (".env", "FNTX_BATCH=hunter2\n", r"cannot read the setting FNTX_BATCH in .*\.env"),
            (".env", "\nFNTX_BATCH='hunter2\n", r"cannot read line 2 of .*\.env"),
            (".env", "FNTX_BATCH = hunter2\n", r"cannot read line 1 of .*\.env"),
            (".env", "\nFNTX_HOME=hunter2\n", r"line 2 of .*\.env sets FNTX_HOME, .* in the environment only"),
            (".env", "FNTX_BATCH=1000\n", r"FNTX_BATCH in .*\.env\. .* it has to be a whole number from 1 to 150$"),
            ("fntx.toml", "[posting]\nbatch = 999\n", r"posting\.batch in .*\.toml\. .* a whole number from 1 to 150$"),
            (".env", "FNTX_BATCH=1\nFNTX_POSTING__BATCH=2\n", r"are two names of one setting"),
            (".env", "FNTX_BATCH=1\nFNTX_BATCH=2\n", r"sets FNTX_BATCH twice"),
        ],
    )
    def test_what_cannot_be_read_is_named_by_file_and_line_or_setting(
        self, file: str, text: str, error: str, home: Path
    ) -> None:
        (home / file).write_text(text)
        with pytest.raises(Permanent, match=error) as raised:
            load_settings()
        assert "hunter2" not in str(raised.value)


class TestWriting:
    """`fntx.toml`, written by `fntx init`."""

    def test_what_is_asked_for_is_changed_and_everything_else_stays(self, home: Path) -> None:
        file = home / "fntx.toml"
        file.write_text('# mine\n[posting]  # slow\nbatch = 9\n\n[flex]\ntokens = {old = "1"}  # both\n')
        written = write_settings({"posting.batch": 7, "flex.tokens": {"main": "hunter2"}, "report.time_zone": "UTC"})
        assert file.read_text() == (
            '# mine\n[posting]  # slow\nbatch = 7\n\n[flex]\ntokens = {old = "1",main = "hunter2"}  # both\n'
            '\n[report]\ntime_zone = "UTC"\n'
        )
        assert (written.changed, written.added) == (["posting.batch"], ["flex.tokens.main", "report.time_zone"])
        assert [path.name for path in home.iterdir()] == ["fntx.toml"]
        assert file.stat().st_mode & 0o777 == 0o600

    def test_the_same_again_writes_nothing(self, home: Path) -> None:
        values = {"flex.queries": {"main": {"Trades": "1"}}, "alerts.urls": ["json://h"], "posting.batch": 3}
        write_settings(values)
        before = (home / "fntx.toml").stat()
        again = write_settings(values)
        assert (again.added, again.changed) == ([], [])
        assert again.same == ["flex.queries.main.Trades", "alerts.urls", "posting.batch"]
        after = (home / "fntx.toml").stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    def test_what_has_the_wrong_form_changes_nothing(self, home: Path) -> None:
        with pytest.raises(Permanent, match=r"cannot read the setting posting\.batch.* a whole number from 1 to 150"):
            write_settings({"report.time_zone": "UTC", "posting.batch": 999})
        assert [*home.iterdir()] == []

    def test_a_file_that_cannot_be_read_now_is_not_written_over(self, home: Path) -> None:
        (home / "fntx.toml").write_text("batch = [")
        with pytest.raises(Permanent, match="it is not TOML"):
            write_settings({"report.time_zone": "UTC"})
        assert (home / "fntx.toml").read_text() == "batch = ["


class TestHome:
    """What FNTX_HOME names."""

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("link", "is a symbolic link that leads nowhere"),
            ("file", "is a file"),
            ("below a file", r"lies below \S+, which is a file"),
        ],
    )
    def test_what_can_be_no_folder_is_said_and_nothing_is_made(
        self, kind: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = tmp_path / "place"
        place.symlink_to(tmp_path / "nowhere") if kind == "link" else place.write_text("mine")
        named = place / "home" if kind == "below a file" else place
        monkeypatch.setenv("FNTX_HOME", str(named))
        for use in (load_settings, lambda: write_settings({"posting.batch": 3})):
            with pytest.raises(Permanent, match=rf"home {named} {error}.*\. Set FNTX_HOME to a folder"):
                use()
        assert [path.name for path in tmp_path.iterdir()] == ["place"]

    def test_a_folder_behind_a_link_is_a_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        monkeypatch.setenv("FNTX_HOME", str(tmp_path / "link"))
        assert load_settings().paths.home == tmp_path / "real"


class TestPlaces:
    """The checkout, or an installed package that nothing writes beside (the whole of it: test_package.py)."""

    @pytest.fixture
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The folder that a package's files would be in, and the current folder."""
        monkeypatch.setattr(places, "CHECKOUT", None)
        monkeypatch.setattr(places, "PROJECT", tmp_path / "project")
        monkeypatch.delenv("FNTX_HOME", raising=False)
        (tmp_path / "project").mkdir()
        for name in ("dagster.yaml", "workspace.yaml"):
            (tmp_path / "project" / name).write_text("first")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_a_checkout_has_its_files_and_its_home_at_the_top(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FNTX_HOME", raising=False)
        assert room.PROJECT == ROOT
        assert load_settings().paths.home == ROOT / ".fntx"
        assert room.dagster_home(load_settings().paths) == ROOT

    def test_the_home_of_a_package_is_in_the_current_folder(self, installed: Path) -> None:
        assert load_settings().paths.home == installed / ".fntx"

    def test_dagster_reads_a_copy_in_the_home_that_follows_the_package(self, installed: Path) -> None:
        paths = Settings(home=installed / "home").paths
        folder = room.dagster_home(paths)
        assert folder == installed / "home" / "dagster"
        (installed / "project" / "dagster.yaml").write_text("second")
        room.dagster_home(paths)
        assert sorted((file.name, file.read_text()) for file in folder.iterdir()) == [
            ("dagster.yaml", "second"),
            ("workspace.yaml", "first"),
        ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("U1234567_Trades.xml: loaded", "U…4567_Trades.xml: loaded"),
        ("TRANSFER TO DU7654321 (F1234567)", "TRANSFER TO D…4321 (F…4567)"),
        ("SPY 628 Call, 79,754.81 HKD, 2025-07-18", "SPY 628 Call, 79,754.81 HKD, 2025-07-18"),
    ],
)
def test_texts_for_logs_and_metadata_hold_no_account(text: str, shown: str) -> None:
    assert without_accounts(text) == shown


def test_a_short_account_is_masked_whole() -> None:
    assert masked("X1") == "…"
