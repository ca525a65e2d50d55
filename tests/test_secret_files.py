"""Secrets in files: each setting that holds one has a variable that names a file of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings, child_environment, export, load_settings, secret_settings
from fntx_dagster.settings.names import SHORT_NAMES, variable

VALUES = {
    "database.url": "postgresql://u:p@h/fntx",
    "backup.passphrase": "a passphrase of words",
    "dagster.database_url": "postgresql://u:p@h/dagster",
    "dagster.broker_url": "redis://:p@h:6379/0",
    "dagster.result_url": "redis://:p@h:6379/1",
    "monitoring.token": "0123456789abcdef0123456789abcdef",
    "ui.token": "0123456789abcdef",
    "flex.tokens": '{"mine": "123456789012"}',
    "chain.rpc_url": "https://node.example/key",
    "keys.salt": "ab" * 32,
    "keys.trader_key": "0x" + "11" * 32,
    "keys.keystore_password": " with blanks ",
    "exchanges.keys": '{"alice": {"luno": {"key": "k", "secret": "s"}}}',
    "treasury.xrpl_url": "https://xrpl.example",
    "treasury.horizon_url": "https://horizon.example",
    "audit.key": "22" * 32,
    "alerts.urls": '["json://host"]',
}
SHORT = {setting: f"FNTX_{name}".upper() for name, setting in SHORT_NAMES.items()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that the environment names."""
    monkeypatch.setenv("FNTX_HOME", str(tmp_path))
    return tmp_path


def _of(settings: Settings, setting: str) -> object:
    group, _, field = setting.partition(".")
    return getattr(getattr(settings, group), field)


def test_every_secret_has_a_value_here() -> None:
    assert secret_settings() == {*VALUES}


@pytest.mark.parametrize("setting", sorted(VALUES))
def test_each_secret_can_be_in_a_file_under_both_of_its_names(
    home: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(SHORT[setting], VALUES[setting])
    given = _of(load_settings(), setting)
    monkeypatch.delenv(SHORT[setting])
    file = home / "secret"
    file.write_text(f"{VALUES[setting]}\n")
    for name in (SHORT[setting], variable(setting)):
        monkeypatch.setenv(f"{name}_FILE", str(file))
        assert _of(load_settings(), setting) == given
        monkeypatch.delenv(f"{name}_FILE")
    (home / ".env").write_text(f"{SHORT[setting]}_FILE={file}\n")
    assert _of(load_settings(), setting) == given


def test_a_setting_that_is_no_secret_is_not_read_from_a_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_BATCH_FILE", str(home / "batch"))
    with pytest.raises(Permanent, match="no setting is called FNTX_BATCH_FILE"):
        load_settings()


def test_a_file_that_is_missing_empty_or_another_than_the_variable_is_named_without_its_content(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / "salt"
    monkeypatch.setenv("FNTX_SALT_FILE", str(file))
    with pytest.raises(Permanent, match="the file that FNTX_SALT_FILE names is missing"):
        load_settings()
    file.write_text("\n")
    with pytest.raises(Permanent, match="the file that FNTX_SALT_FILE names is empty"):
        load_settings()
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(Permanent, match="is not UTF-8"):
        load_settings()
    file.write_text("ab" * 32)
    monkeypatch.setenv("FNTX_SALT", "cd" * 32)
    with pytest.raises(Permanent, match="FNTX_SALT and FNTX_SALT_FILE are two names of one setting") as refused:
        load_settings()
    assert "abab" not in str(refused.value)
    assert "cdcd" not in str(refused.value)


def test_a_child_that_is_given_the_value_does_not_hear_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_DATABASE_URL_FILE", "/run/secrets/url")
    assert "FNTX_DATABASE_URL_FILE" not in child_environment({"FNTX_DATABASE_URL": "postgresql://h/fntx"})
    with monkeypatch.context() as patched:
        patched.setenv("FNTX_DATABASE__URL", "")
        export({"FNTX_DATABASE_URL": "postgresql://h/fntx"})
        assert load_settings().database.url is not None
    export({})
