"""The proof of a share: it holds as it is, not as anybody alters it, and tells nothing of another."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.ledger.entries import Head, chained
from fntx_dagster.proof.log_tree import leaf_hash, log_holds, log_path, log_root
from fntx_dagster.signals.amounts import ONE
from fntx_dagster.signals.proving import faults_of_proof, proof_of, shares_root, wishes_root
from fntx_dagster.signals.sharing import Got, Share, enter, finish_entry, leave, texts

SALT, CENT, LOT = bytes(range(32)), ONE // 100, ONE
FILE = Path(__file__).parents[2] / "verify" / "share.py"


def stranger() -> ModuleType:
    """verify/share.py, as a stranger has it."""
    spec = importlib.util.spec_from_file_location("share", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = stranger()


def proof(wishes: list[int], lots: int, user: int = 0, exits: tuple[int, ...] = ()) -> dict[str, Any]:
    """A proof of a signal whose entry got `lots` at 100.05, and whose exits closed these at 110.01."""
    users = [Share(f"user{place}", place, wish * LOT, wish, fee_bps=5 * ONE) for place, wish in enumerate(wishes)]
    names = {
        "signal": {"strategy_code": "S", "unique_id": "one"},
        "currency": "USDT",
        "symbol": "X/USDT",
        "participants": len(users),
    }
    rule = names | {
        "event_type": "signal_rule",
        "signal_type": "BUY_ENTRY",
        "rule": "deficit/1",
        "lot_size": "1",
        "requested_qty": str(sum(wishes)),
        "wishes_root": wishes_root([texts(share, LOT) for share in users], SALT).hex(),
    }
    entered = Got(lots, lots * 10005 * CENT)
    enter(users, entered, CENT)
    finish_entry(users, "no_liquidity")
    for closed in exits:
        open_shares = [share for share in users if share.lots > share.closed]
        leave(open_shares, Got(closed, closed * 11001 * CENT), entered, CENT, short=False)
    shares = names | {
        "event_type": "signal_shares",
        "same_price": True,
        "entry_steps": 1,
        "exit_steps": len(exits),
        "qty": str(lots),
        "entry_money": f"{lots * 10005 / 100:.2f}".rstrip("0").rstrip("."),
        "closed_qty": str(sum(exits)),
        "exit_money": "0",
        "total_pnl": "0",
        "shares_root": shares_root([texts(share, LOT) for share in users], SALT).hex(),
    }
    first, second = chained(Head(), [rule, shares])
    return json.loads(json.dumps(proof_of([texts(share, LOT) for share in users], f"user{user}", SALT, first, second)))


WISHES = st.lists(st.integers(0, 9), min_size=1, max_size=9).filter(any)


@settings(max_examples=60)
@given(WISHES, st.data())
def test_every_share_of_every_signal_is_proved_to_both_readers(wishes: list[int], data: st.DataObject) -> None:
    lots = data.draw(st.integers(1, sum(wishes)))
    closed = data.draw(st.integers(0, lots))
    for user in range(len(wishes)):
        shown = proof(wishes, lots, user, (closed,) if closed else ())
        assert faults_of_proof(shown) == []
        assert list(SCRIPT.problems(shown)) == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every text and number of a document stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from places(inner, (*path, place))
    else:
        yield path


def altered(document: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    inner: Any = changed
    for name in path[:-1]:
        inner = inner[name]
    old = inner[path[-1]]
    if isinstance(old, bool):
        inner[path[-1]] = not old
    elif isinstance(old, int):
        inner[path[-1]] = old + 1
    elif old is None:
        inner[path[-1]] = "1"
    else:
        inner[path[-1]] = ("1" if old[:1] != "1" else "2") + old[1:]
    return changed


def refused(check: Callable[[dict[str, Any]], Any], document: dict[str, Any]) -> bool:
    try:
        return bool(list(check(document)))
    except (ValueError, KeyError, TypeError):
        return True


def test_whatever_is_altered_in_a_proof_is_noticed_by_both_readers() -> None:
    shown = proof([3, 5, 2, 7, 1], 11, 3, (4, 2))
    assert faults_of_proof(shown) == []
    for path in places(shown):
        document = altered(shown, path)
        assert refused(faults_of_proof, document), path
        assert refused(SCRIPT.problems, document), path


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("leaf", "qty", "1e999999999"),
        ("leaf", "pnl", "1e999999999"),
        ("leaf", "qty", "7/1"),
        ("leaf", "closed", " 1"),
        ("leaf", "money_in", "9" * 100_000),
        ("index", None, True),
        ("index", None, 1.0),
        ("index", None, -4),
        ("size", None, 10**400),
    ],
)
def test_an_odd_number_in_a_proof_is_refused_at_once(part: str, name: str | None, value: Any) -> None:
    shown = proof([3, 5, 2, 7, 1], 11, 1)
    for leaf in (shown["wish"], shown["share"]):
        if name is None:
            leaf[part] = value
        elif name in leaf[part]:
            leaf[part][name] = value
    assert refused(faults_of_proof, shown)
    assert refused(SCRIPT.problems, shown)


def test_a_share_that_the_rule_does_not_give_is_refused_though_every_hash_fits() -> None:
    users = [Share(f"user{place}", place, 5 * LOT, 5) for place in range(2)]
    shown = proof([5, 5], 4)
    users[0].lots, users[1].lots = 4, 0
    users[0].money_in = 4 * 10005 * CENT
    rows = [texts(share, LOT) for share in users]
    rule = {name: value for name, value in shown["rule_entry"].items() if name not in ("hash", "prev_hash")}
    shares = {name: value for name, value in shown["shares_entry"].items() if name not in ("hash", "prev_hash")}
    rule["wishes_root"] = wishes_root(rows, SALT).hex()
    first, second = chained(Head(), [rule, shares | {"shares_root": shares_root(rows, SALT).hex()}])
    unfair = json.loads(json.dumps(proof_of(rows, "user0", SALT, first, second)))
    [fault] = faults_of_proof(unfair)
    assert fault.reason == "4 is not what a wish for 5 gets of 4 of 10"
    assert list(SCRIPT.problems(unfair)) == [fault.reason]


def test_a_proof_holds_no_word_of_another_participant() -> None:
    text = json.dumps(proof([3, 5, 2, 7, 1], 11, 3))
    assert "user3" in text
    assert not any(f"user{other}" in text for other in (0, 1, 2, 4))


def test_neighbours_of_equal_wishes_have_unlike_leaves() -> None:
    shown = [proof([4, 4, 4, 4], 16, user)["wish"]["path"][0] for user in range(4)]
    assert len(set(shown)) == 4


@given(st.lists(st.binary(max_size=3), min_size=1, max_size=40), st.data())
def test_a_path_leads_to_the_root_from_its_own_place_alone(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    index, other = (data.draw(st.integers(0, len(leaves) - 1)) for _ in range(2))
    root, path = log_root(hashes), log_path(hashes, index)
    assert log_holds(root, hashes[index], index, len(leaves), path)
    same = hashes[other] == hashes[index] and log_path(hashes, other) == path
    assert log_holds(root, hashes[index], other, len(leaves), path) == (other == index or same)
    assert not log_holds(root, hashes[index], index, len(leaves), [*path, root])


@pytest.mark.parametrize(
    ("leaves", "root"),
    [
        ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ([b""], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        ([b"", b"\x00"], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        ([b"", b"\x00", b"\x10"], "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ],
)
def test_roots_are_those_of_the_reference_implementation(leaves: list[bytes], root: str) -> None:
    assert log_root([leaf_hash(leaf) for leaf in leaves]).hex() == root
