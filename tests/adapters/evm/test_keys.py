import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.keys import (
    KeyRing,
    LocalSigner,
    deployer_of,
    import_key,
    key_ring,
    new_keystore,
    salt_secret,
    signer_of,
    trader_of,
)
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings

KEY, PASSWORD = SecretStr("0x" + "01" * 32), "correct horse"

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


def test_a_secret_is_made_once_and_stays(tmp_path):
    secret = salt_secret(KeyRing(tmp_path / "keys"))
    assert len(secret) == 32
    assert salt_secret(KeyRing(tmp_path / "keys")) == secret
    assert salt_secret(KeyRing(tmp_path / "other")) != secret


@posix
def test_only_the_owner_can_read_what_is_kept(tmp_path):
    folder = tmp_path / "keys"
    salt_secret(KeyRing(folder)), deployer_of(folder), trader_of(KeyRing(folder), "U0000001")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_each_account_has_its_own_key_and_keeps_it(tmp_path):
    one, other = trader_of(KeyRing(tmp_path), "U0000001"), trader_of(KeyRing(tmp_path), "U0000002")
    assert one.address != other.address
    assert trader_of(KeyRing(tmp_path), "U0000001").address == one.address


def test_file_names_do_not_tell_whose_key_it_is(tmp_path):
    trader_of(KeyRing(tmp_path / "a"), "U0000001")
    trader_of(KeyRing(tmp_path / "b"), "U0000001")
    names = [{file.name for file in (tmp_path / home).glob("trader-*")} for home in "ab"]
    assert not names[0] & names[1], "without the secret, a name cannot be computed from the account"
    assert not any("U0000001" in name for name in names[0])


def test_threads_that_ask_at_once_get_one_secret(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(salt_secret, [KeyRing(tmp_path / "keys")] * 8))) == 1


def test_a_file_that_was_cut_off_is_named_and_its_content_is_not(tmp_path):
    salt_secret(KeyRing(tmp_path))
    file = tmp_path / "salt.secret"
    file.write_text("abcdef")
    with pytest.raises(Permanent, match=r"salt\.secret") as caught:
        salt_secret(KeyRing(tmp_path))
    assert "abcdef" not in str(caught.value)


def test_what_a_killed_process_left_unfinished_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(keys.os, "fsync", _killed)
    with pytest.raises(KeyboardInterrupt):
        salt_secret(KeyRing(tmp_path))
    assert not (tmp_path / "salt.secret").exists()
    monkeypatch.undo()
    assert len(salt_secret(KeyRing(tmp_path))) == 32


def test_a_signer_shows_its_address_and_never_its_key():
    signer = LocalSigner(b"\x01" * 32)
    assert repr(signer) == "LocalSigner(0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1)"
    assert "01" * 16 not in f"{signer} {vars(signer)}"


@settings(max_examples=20)
@given(key=st.binary(max_size=40).filter(lambda key: len(key) != 32) | st.just(bytes(32)) | st.just(b"\xff" * 32))
def test_what_is_no_key_is_refused_without_being_shown(key):
    with pytest.raises(Permanent, match="no private key") as caught:
        LocalSigner(key)
    assert len(key) < 4 or key.hex() not in str(caught.value)


@pytest.fixture
def quick_scrypt(monkeypatch):
    """The second that scrypt takes by default is its purpose, and not this test's."""
    from eth_account import Account

    original = Account.encrypt
    monkeypatch.setattr(Account, "encrypt", lambda key, password, kdf: original(key, password, kdf=kdf, iterations=2))


@posix
def test_a_new_keystore_is_scrypt_and_its_owners_alone(tmp_path):
    file = tmp_path / "keys" / "trader.json"
    address = new_keystore(file, PASSWORD)
    content = json.loads(file.read_text())
    assert (content["version"], content["crypto"]["kdf"]) == (3, "scrypt")
    assert content["crypto"]["kdfparams"]["n"] >= 2**17
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["trader.json"]
    assert signer_of(_with_keystore(tmp_path, file), "U0000001").address == address


def test_a_keystore_is_never_overwritten(tmp_path, quick_scrypt):
    file = tmp_path / "trader.json"
    import_key(file, PASSWORD, KEY)
    before = file.read_text()
    with pytest.raises(Permanent, match=r"trader\.json exists"):
        new_keystore(file, PASSWORD)
    assert file.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["trader.json"]


def test_a_keystore_goes_before_the_key_of_the_environment_and_that_before_a_development_key(tmp_path, quick_scrypt):
    file = tmp_path / "trader.json"
    address = new_keystore(file, PASSWORD)
    settings = _with_keystore(tmp_path, file, rpc_url="http://127.0.0.1:9", trader_key=KEY)
    assert signer_of(settings, "U0000001").address == address
    assert signer_of(settings, "U0000002").address == LocalSigner(b"\x01" * 32).address
    without = _with_keystore(tmp_path, file, rpc_url="http://127.0.0.1:9")
    assert signer_of(without, "U0000002").address == trader_of(key_ring(without), "U0000002").address


def test_a_keystore_is_opened_once_in_a_process(tmp_path, quick_scrypt, monkeypatch):
    from eth_account import Account

    file, opened, original = tmp_path / "trader.json", [], Account.decrypt
    new_keystore(file, PASSWORD)
    monkeypatch.setattr(Account, "decrypt", lambda *arguments: opened.append(1) or original(*arguments))
    for _ in range(3):
        signer_of(_with_keystore(tmp_path, file), "U0000001")
    assert opened == [1]


@pytest.mark.parametrize(
    ("password", "words"),
    [("wrong horse", r"does not open the keystore .*trader\.json"), (None, r"trader\.json needs its password")],
)
def test_a_wrong_or_missing_password_names_the_file_and_not_the_password(tmp_path, quick_scrypt, password, words):
    file = tmp_path / "trader.json"
    import_key(file, PASSWORD, KEY)
    with pytest.raises(Permanent, match=words) as caught:
        signer_of(_with_keystore(tmp_path, file, password), "U0000001")
    assert "horse" not in str(caught.value)
    assert "0101" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{}", b"\xff", b'{"version": 1}', b'{"version": 3, "crypto": {}}']
)
def test_a_file_that_is_missing_or_no_keystore_is_named(tmp_path, content):
    file = tmp_path / "trader.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Permanent, match=r"trader\.json"):
        signer_of(_with_keystore(tmp_path, file), "U0000001")


def test_a_key_that_is_none_and_an_empty_password_make_no_keystore(tmp_path):
    for password, key in ((PASSWORD, SecretStr("not hex")), (PASSWORD, SecretStr("0x12")), ("", KEY)):
        with pytest.raises(Permanent) as caught:
            import_key(tmp_path / "trader.json", password, key)
        assert key.get_secret_value() not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def _with_keystore(home, file, password=PASSWORD, rpc_url=None, trader_key=None):
    keys = {"keystores": {"U0000001": file}, "keystore_password": password, "trader_key": trader_key}
    return Settings(home=home, chain={"rpc_url": rpc_url}, keys=keys)


def _killed(descriptor):
    raise KeyboardInterrupt
