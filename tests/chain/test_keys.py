import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.chain import keys
from fntx_dagster.chain.keys import Signer, deployer_of, salt_secret, trader_of
from fntx_dagster.errors import Permanent

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


def test_a_secret_is_made_once_and_stays(tmp_path):
    secret = salt_secret(tmp_path / "keys")
    assert len(secret) == 32
    assert salt_secret(tmp_path / "keys") == secret
    assert salt_secret(tmp_path / "other") != secret


@posix
def test_only_the_owner_can_read_what_is_kept(tmp_path):
    folder = tmp_path / "keys"
    salt_secret(folder), deployer_of(folder), trader_of(folder, "U0000001")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_each_account_has_its_own_key_and_keeps_it(tmp_path):
    one, other = trader_of(tmp_path, "U0000001"), trader_of(tmp_path, "U0000002")
    assert one.address != other.address
    assert trader_of(tmp_path, "U0000001").address == one.address


def test_file_names_do_not_tell_whose_key_it_is(tmp_path):
    trader_of(tmp_path / "a", "U0000001")
    trader_of(tmp_path / "b", "U0000001")
    names = [{file.name for file in (tmp_path / home).glob("trader-*")} for home in "ab"]
    assert not names[0] & names[1], "without the secret, a name cannot be computed from the account"
    assert not any("U0000001" in name for name in names[0])


def test_threads_that_ask_at_once_get_one_secret(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(salt_secret, [tmp_path / "keys"] * 8))) == 1


def test_a_file_that_was_cut_off_is_named_and_its_content_is_not(tmp_path):
    salt_secret(tmp_path)
    file = tmp_path / "salt.secret"
    file.write_text("abcdef")
    with pytest.raises(Permanent, match=r"salt\.secret") as caught:
        salt_secret(tmp_path)
    assert "abcdef" not in str(caught.value)


def test_what_a_killed_process_left_unfinished_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(keys.os, "fsync", _killed)
    with pytest.raises(KeyboardInterrupt):
        salt_secret(tmp_path)
    assert not (tmp_path / "salt.secret").exists()
    monkeypatch.undo()
    assert len(salt_secret(tmp_path)) == 32


def test_a_signer_shows_its_address_and_never_its_key():
    signer = Signer(b"\x01" * 32)
    assert repr(signer) == "Signer(0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1)"
    assert "01" * 16 not in f"{signer} {vars(signer)}"


@settings(max_examples=20)
@given(key=st.binary(max_size=40).filter(lambda key: len(key) != 32) | st.just(bytes(32)) | st.just(b"\xff" * 32))
def test_what_is_no_key_is_refused_without_being_shown(key):
    with pytest.raises(Permanent, match="no private key") as caught:
        Signer(key)
    assert len(key) < 4 or key.hex() not in str(caught.value)


def _killed(descriptor):
    raise KeyboardInterrupt
