"""Files of periods for tests: random ones, and what somebody may do to one and hide by computing its checksum anew."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fntx_dagster.periods.proving import prove
from fntx_dagster.periods.shown import BOUNDS, ITEMS, OF_ONE_ACCOUNT
from tests.periods.examples import book, with_checksum

Content = dict[str, Any]
_BOOKS = [book(8, seed, trader=f"0x{seed:040x}") for seed in (1, 2, 3)]
_LOWEST = {"worst_day": -(10**11), "drawdown": -(10**12)}


def random_period(rng: random.Random) -> str:
    """A file of some days of one or two made-up accounts that shows some items, and holds."""
    accounts = [days[rng.randrange(3) : rng.randrange(4, 9)] for days in rng.sample(_BOOKS, rng.choice([1, 1, 1, 2]))]
    known = [item for item in ITEMS if len(accounts) == 1 or item not in OF_ONE_ACCOUNT]
    items = set(rng.sample(known, rng.randrange(1, len(known) + 1)))
    items |= {"twr"} if "squares" in items else set()
    first = min(days[0].row.date for days in accounts) - timedelta(days=rng.randrange(3))
    last = max(days[-1].row.date for days in accounts) + timedelta(days=rng.randrange(3))
    return prove(
        accounts,
        [item for item in known if item in items and item not in BOUNDS],
        first,
        last,
        audience=rng.choice([None, "a bank", '"\\ {[~']),
        bounds={item: _LOWEST[item] for item in BOUNDS if item in items},
    )


def broken_period(rng: random.Random, text: str) -> str:
    """The file after one change of somebody's, with a checksum that fits."""
    content = json.loads(text)
    rng.choice(BREAKS)(rng, content)
    return with_checksum(content)


def any_letter(rng: random.Random, content: Content) -> None:
    place, key = any_place(rng, content)
    value = place[key]
    if isinstance(value, str):
        at = rng.randrange(len(value))
        place[key] = value[:at] + rng.choice(sorted({*"0123456789abcdef "} - {value[at]})) + value[at + 1 :]
    else:
        place[key] = rng.choice([each for each in (None, 0, 7, True, "0x" + "00" * 32, []) if each != value])


def any_key_left_out(rng: random.Random, content: Content) -> None:
    place, key = any_place(rng, content)
    del place[key]


def other_total(rng: random.Random, content: Content) -> None:
    item = rng.choice(sorted(content["shown"]))
    if item == "chained":
        del content["shown"][item]
    else:
        off = rng.choice([1, -1, 2**255, 10**9])
        content["shown"][item] = str(int(content["shown"][item]) + off)


def a_day_left_out(rng: random.Random, content: Content) -> None:
    days = rng.choice(content["accounts"])["days"]
    del days[rng.randrange(len(days))]


def days_exchanged(rng: random.Random, content: Content) -> None:
    days = rng.choice(content["accounts"])["days"]
    days[0], days[1] = days[1], days[0]


def a_commitment_of_another_day(rng: random.Random, content: Content) -> None:
    days = rng.choice(content["accounts"])["days"]
    days[0]["commitment"] = days[1]["commitment"]


def other_point(rng: random.Random, content: Content) -> None:
    """Of any kind: the identity, one outside of the group, a negated one, one that is none, one of another place."""
    days, proof = content["accounts"][0]["days"], content["proof"]
    point = days[0]["commitment"]
    negated = f"0x{int(point[2:4], 16) ^ 0x20:02x}{point[4:]}"
    outside = "0x80" + "00" * 46 + f"{rng.randrange(256):02x}"
    other = rng.choice(["0xc0" + "00" * 47, outside, negated, "0x9f" + "ff" * 47, point, "0x" + "00" * 48])
    rng.choice([lambda: proof["t"].__setitem__(0, other), lambda: days[1].__setitem__("commitment", other)])()


def other_scalar(rng: random.Random, content: Content) -> None:
    rows = content["proof"]["rows"]
    row, place = rng.randrange(len(rows)), rng.randrange(11)
    order = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
    number = int(rows[row][place], 16) + rng.choice([1, -1, order])
    rows[row][place] = f"0x{number % 2**256:064x}"


def rows_exchanged(rng: random.Random, content: Content) -> None:
    rows = content["proof"]["rows"]
    rows[0], rows[1] = rows[1], rows[0]


def other_statement(rng: random.Random, content: Content) -> None:
    field, value = rng.choice(
        [("audience", "another"), ("currency", "USD"), ("from", "2024-12-01"), ("to", "2026-01-01")]
    )
    content[field] = value


BREAKS: tuple[Callable[[random.Random, Content], None], ...] = (
    any_letter,
    any_key_left_out,
    other_total,
    a_day_left_out,
    days_exchanged,
    a_commitment_of_another_day,
    other_point,
    other_scalar,
    rows_exchanged,
    other_statement,
)


def any_place(rng: random.Random, content: Content) -> tuple[Any, Any]:
    """Where a content has a text, a number, a truth or null: the container and the key; not the checksum."""
    place: Any = {key: value for key, value in content.items() if key != "checksum"}
    whole = place
    while True:
        key = rng.choice(sorted(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list):
            return (content if place is whole else place), key
        if place[key]:
            place = place[key]
