"""Settings: what cannot be read is named, never shown."""

from __future__ import annotations

import pytest

from fntx_dagster.errors import Permanent, masked, without_accounts
from fntx_dagster.settings import load_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FNTX_FX_FALLBACK", "USD/HKD=7.8"),
        ("FNTX_FX_FALLBACK", '{"USD/HKD": "much"}'),
        ("FNTX_INITIAL_CAPITAL", '{"U1234567": "a secret sum"}'),
        ("FNTX_FIRST_SESSION", "yesterday"),
        ("FNTX_FLEX_QUERIES", '{"main": {"A": "1", "A": "2"}}'),
        ("FNTX_FLEX_TOKENS", '{"main": 7.8}'),
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
    assert settings.rpc_url is None


def test_secrets_print_as_asterisks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_TRADER_KEY", "ab" * 32)
    monkeypatch.setenv("FNTX_DATABASE_URL", "postgresql://me:hunter2@db/fntx")
    assert "abab" not in repr(load_settings())
    assert "hunter2" not in repr(load_settings())


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
