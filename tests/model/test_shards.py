"""Which account is in which shard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.model.shards import Shard, all_shards, is_among, shard_of

ids = st.text(min_size=1, max_size=20)


@given(ids, st.integers(1, 1000))
def test_every_account_is_in_one_shard(account: str, shards: int) -> None:
    assert [shard.number for shard in all_shards(shards) if account in shard] == [shard_of(account, shards)]


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_a_shard_is_read_as_it_is_written(number: int, shards: int) -> None:
    expected = Shard(number, shards) if number <= shards else None
    assert Shard.read(f"{number}/{shards}") == expected


def test_what_is_no_shard_is_not_read() -> None:
    assert [Shard.read(text) for text in ("", "3", "0/8", "9/8", "3/8/1", "a/b", "-1/8", "٣/8")] == [None] * 8


def test_the_hash_is_the_documented_one() -> None:
    """It may not change: runs of two versions would work on the same accounts, or on none of them."""
    assert [shard_of(account, 8) for account in ("U7000001", "U7000002", "U3000000")] == [1, 8, 3]
    assert Shard(1, 1).of(["b", "a"]) == ["b", "a"]
    assert is_among("a", None)
    assert not is_among("a", [])
