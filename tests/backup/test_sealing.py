"""What is sealed opens with its key, its name and all of its pieces, and not otherwise."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.backup import sealing
from fntx_dagster.backup.sealing import PIECE, key_of, new_vault, sealed, unsealed, vault_of
from fntx_dagster.errors import Permanent

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
LENGTHS = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 5]


def chunks_of(content: bytes, size: int) -> list[bytes]:
    return [content[place : place + size] for place in range(0, len(content), size)]


def opened(content: bytes, key: bytes = KEY, name: str = "a/file") -> bytes:
    return b"".join(unsealed(chunks_of(content, 65_521), key, name))


@pytest.mark.parametrize("length", LENGTHS)
def test_what_was_sealed_is_opened_again(length: int) -> None:
    content = bytes(index * 31 % 251 for index in range(length))
    kept = b"".join(sealed(chunks_of(content, 100_003), KEY, "a/file"))
    assert opened(kept) == content
    assert content[:64] not in kept or length < 8


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_how_the_content_came_in_chunks_does_not_matter(chunks: list[bytes]) -> None:
    assert opened(b"".join(sealed(chunks, KEY, "a/file"))) == b"".join(chunks)


@cache
def of_three_pieces() -> bytes:
    return b"".join(sealed([bytes(2 * PIECE + 100)], KEY, "a/file"))


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    content = bytearray(of_three_pieces())
    content[place % len(content)] ^= change
    with pytest.raises(Permanent, match="a/file was changed or cut off"):
        opened(bytes(content))


@given(st.integers(min_value=0))
def test_any_cut_is_noticed(place: int) -> None:
    with pytest.raises(Permanent, match="was changed or cut off"):
        opened(of_three_pieces()[: place % len(of_three_pieces())])


def test_pieces_cannot_be_left_out_swapped_or_added() -> None:
    content, size = of_three_pieces(), 4 + PIECE + 16
    head, first, second, last = content[:8], content[8 : 8 + size], content[8 + size :][:size], content[8 + 2 * size :]
    assert opened(head + first + second + last) == bytes(2 * PIECE + 100)
    for wrong in (first + last, second + first + last, first + second, first + second + last + last, last):
        with pytest.raises(Permanent, match="was changed or cut off"):
            opened(head + wrong)


@pytest.mark.parametrize(("key", "name"), [(OTHER, "a/file"), (KEY, "another/file")])
def test_another_key_or_name_opens_nothing(key: bytes, name: str) -> None:
    with pytest.raises(Permanent, match="was changed or cut off"):
        opened(of_three_pieces(), key, name)


def test_the_passphrase_makes_the_key_and_another_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_COST", 2)
    vault, key = new_vault("correct horse battery")
    assert key_of(vault_of(vault.as_json()), "correct horse battery") == key
    with pytest.raises(Permanent, match="the passphrase does not open these backups"):
        key_of(vault, "correct horse batterY")
    with pytest.raises(Permanent, match="fewer than 12 characters"):
        new_vault("short")


@pytest.mark.parametrize(
    "change",
    [{"format": "other"}, {"kdf": "md5"}, {"n": 2**40}, {"n": 3}, {"n": "x"}, {"r": 10**9}, {"p": 0}, {"salt": "zz"}],
)
def test_a_vault_that_is_none_or_asks_for_too_much_is_refused(change: dict[str, object]) -> None:
    good = {"format": "fntx.backups/1", "kdf": "scrypt", "salt": "00", "n": 2, "r": 8, "p": 1, "check": "00"}
    assert vault_of(good).cost == 2
    with pytest.raises(Permanent, match="cannot be read"):
        vault_of(good | change)
    with pytest.raises(Permanent, match="cannot be read"):
        vault_of([])
