"""Reads the file of a period without trusting it: what is not exactly as FNTX writes it is refused.

The strangers' verifiers in `verify/` read it in the same order and the same words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from fntx_dagster.curve.group import ORDER
from fntx_dagster.errors import Permanent
from fntx_dagster.periods.commitment import CURRENCY, FIELDS
from fntx_dagster.periods.file import (
    AUDIENCE,
    MOST_ACCOUNTS,
    MOST_BYTES,
    MOST_DAYS,
    PERIOD_FORMAT,
    PROJECTIONS,
    Path,
    PeriodAccount,
    PeriodDay,
    PeriodFile,
    PeriodProof,
    Schemas,
    VectorPart,
    has_vector,
    row_names,
    statement_of,
    vector_size,
)
from fntx_dagster.periods.shown import BOUNDS, CHAINED, COUNTED, ITEMS, LIMIT, OF_ONE_ACCOUNT, missing_items
from fntx_dagster.proof.form import (
    ADDRESS,
    HASH,
    NUMBER,
    bytes_of,
    canonical,
    day_of,
    hex_of,
    matches,
    need,
    need_keys,
    strict_json,
)
from fntx_dagster.proof.tree import DEPTH, empty_subtrees


def parse(text: str | bytes, published: Iterable[Schemas]) -> PeriodFile:
    """A period from its file's content; `published` are the pairs of catalogues that FNTX published.

    Permanent names the first field that is not as `written` writes it: whatever the bytes, nothing else is raised.
    """
    content = strict_json(text, "the period", MOST_BYTES)
    need_keys("the period", content, _KEYS)
    need(content["format"] == PERIOD_FORMAT, f"format is not {PERIOD_FORMAT}")
    audience = content["audience"]
    need(
        audience is None or matches(AUDIENCE, audience),
        "audience is neither null nor 1 to 100 printable characters of ASCII",
    )
    need(matches(CURRENCY, content["currency"]), "currency is not three capital letters")
    first, last = _day("from", content["from"]), _day("to", content["to"])
    need(first <= last, "from is after to")
    schemas = _schemas(content["schemas"], set(published))
    accounts = _accounts(content["accounts"], schemas, first, last)
    shown = _shown(content["shown"], len(accounts))
    days = sum(len(account.days) for account in accounts)
    proof = _proof(content["proof"], shown, days)
    need(matches(HASH, content["checksum"]), "checksum is not a hash")
    checksum = hashlib.sha256(canonical(content, {"checksum"})).digest()
    need(hex_of(checksum) == content["checksum"], "checksum is another one: the file was changed")
    currency = content["currency"]
    return PeriodFile(audience, currency, first, last, accounts, shown, proof, statement_of(content))


_KEYS = {"format", "audience", "currency", "from", "to", "schemas", "accounts", "shown", "proof", "checksum"}
_ACCOUNT_KEYS = {"chain_id", "contract", "trader", "transactions", "days"}
_DAY_KEYS = {*PeriodDay._fields} - {"schemas"} | {"schema"}
_VECTOR_KEYS = {*VectorPart._fields}
_POINT = re.compile(r"0x[0-9a-f]{96}")
_SCALARS_OF_A_ROW = 1 + len(FIELDS)


def _day(field: str, text: Any) -> date:
    try:
        return day_of(text)
    except Permanent as refusal:
        raise Permanent(f"{field} is not a day from 1970-01-01 to 9999-12-31", refusal.way_out) from None


def _list(where: str, content: Any, least: int, most: int) -> list[Any]:
    is_list = type(content) is list and least <= len(content) <= most
    need(is_list, f"{where} is not a list of {least} to {most}" if least < most else f"{where} is not a list of {most}")
    return content


def _schemas(content: Any, published: set[Schemas]) -> list[Schemas]:
    schemas: list[Schemas] = []
    for place, pair in enumerate(_list("schemas", content, 1, MOST_DAYS)):
        where = f"schemas[{place}]"
        need_keys(where, pair, {"record", "extension"})
        need(all(matches(HASH, text) for text in pair.values()), f"{where} is not two hashes")
        found = Schemas(bytes_of(pair["record"]), bytes_of(pair["extension"]))
        need(found in published, f"{where} is not one that FNTX published")
        need(found not in schemas, f"{where} is there twice")
        schemas.append(found)
    return schemas


def _accounts(content: Any, schemas: list[Schemas], first: date, last: date) -> tuple[PeriodAccount, ...]:
    accounts: dict[tuple[int, str, str], PeriodAccount] = {}
    days = 0
    for place, entry in enumerate(_list("accounts", content, 1, MOST_ACCOUNTS)):
        where = f"accounts[{place}]"
        need_keys(where, entry, _ACCOUNT_KEYS)
        chain_id = entry["chain_id"]
        is_chain = matches(NUMBER, chain_id) and 0 < int(chain_id) < 2**256
        need(is_chain, f"{where}.chain_id is no chain's number")
        for field in ("contract", "trader"):
            need(matches(ADDRESS, entry[field]), f"{where}.{field} is not an address")
        transactions = _list(f"{where}.transactions", entry["transactions"], 0, MOST_DAYS)
        are_hashes = all(matches(HASH, each) for each in transactions) and len({*transactions}) == len(transactions)
        need(are_hashes, f"{where}.transactions are not hashes, each once")
        rows = _list(f"{where}.days", entry["days"], 1, MOST_DAYS)
        days += len(rows)
        need(days <= MOST_DAYS, f"the accounts have more than {MOST_DAYS} days")
        read = tuple(_row(f"{where}.days[{number}]", row, schemas, transactions) for number, row in enumerate(rows))
        for number, (before, after) in enumerate(pairwise(read), 1):
            ascends = before.date < after.date and before.session < after.session
            need(ascends, f"{where}.days[{number}] does not follow the day before it")
        need(first <= read[0].date and read[-1].date <= last, f"{where}.days are not all within from and to")
        account = PeriodAccount(int(chain_id), entry["contract"], entry["trader"], read)
        need(account.name not in accounts, f"{where} is there twice")
        accounts[account.name] = account
    return tuple(accounts.values())


def _row(where: str, row: Any, schemas: list[Schemas], transactions: list[str]) -> PeriodDay:
    need_keys(where, row, _DAY_KEYS)
    day, version, session, transaction = row["date"], row["version"], row["session"], row["transaction"]
    need(type(version) is int and 1 <= version < 2**32, f"{where}.version is not a number from 1 to 4294967295")
    need(type(row["schema"]) is int and 0 <= row["schema"] < len(schemas), f"{where}.schema is not one of the schemas")
    need(type(session) is int and 0 <= session < 2**53, f"{where}.session is not a number below 2^53")
    need(matches(HASH, row["root"]), f"{where}.root is not a hash")
    is_named = transaction is None or (type(transaction) is int and 0 <= transaction < len(transactions))
    need(is_named, f"{where}.transaction is neither null nor one of the transactions")
    need(matches(_POINT, row["commitment"]), f"{where}.commitment is not 48 bytes")
    salts = row["salts"]
    are_salts = type(salts) is list and len(salts) == 2 and all(matches(HASH, salt) for salt in salts)
    need(are_salts, f"{where}.salts is not 2 hashes")
    return PeriodDay(
        date=_day(f"{where}.date", day),
        version=version,
        schemas=schemas[row["schema"]],
        session=session,
        root=bytes_of(row["root"]),
        transaction=None if transaction is None else transactions[transaction],
        commitment=bytes_of(row["commitment"]),
        salts=(bytes_of(salts[0]), bytes_of(salts[1])),
        extension_path=_path(f"{where}.extension_path", row["extension_path"]),
        path=_path(f"{where}.path", row["path"]),
    )


def _path(where: str, path: Any) -> Path:
    is_path = type(path) is list and len(path) == DEPTH
    is_path = is_path and all(sibling is None or matches(HASH, sibling) for sibling in path)
    need(is_path, f"{where} is not {DEPTH} hashes or nulls")
    is_shortest = all(sibling != empty for sibling, empty in zip(path, _EMPTY, strict=True))
    need(is_shortest, f"{where} has the hash of an empty subtree where null belongs")
    return tuple(None if sibling is None else bytes_of(sibling) for sibling in path)


_EMPTY = tuple(hex_of(root) for root in empty_subtrees())


def _shown(content: dict[str, Any], accounts: int) -> dict[str, int]:
    is_known = type(content) is dict and content.keys() <= {*ITEMS}
    need(is_known, f"shown has a key that is none of {', '.join(ITEMS)}")
    shown: dict[str, int] = {}
    for item, value in content.items():
        if item == CHAINED:
            need(value is True, "shown.chained is not true")
            shown[item] = 1
            continue
        number = int(value) if matches(NUMBER, value) else LIMIT
        need(abs(number) < LIMIT, f"shown.{item} is not a whole number below 2^120")
        need(item not in COUNTED or number >= 0, f"shown.{item} is below 0")
        need(item not in BOUNDS or number <= 0, f"shown.{item} is above 0")
        need(accounts == 1 or item not in OF_ONE_ACCOUNT, f"shown.{item} is not defined for several accounts")
        shown[item] = number
    need(not missing_items(shown), "shown.squares is there without twr")
    return shown


def _proof(content: Any, shown: Mapping[str, int], days: int) -> PeriodProof:
    need_keys("proof", content, {"t", "rows"} | (_VECTOR_KEYS if has_vector(shown) else set()))
    count = len(row_names(shown))
    t = _points("proof.t", content["t"], count)
    rows = _list("proof.rows", content["rows"], count, count)
    read = tuple(_scalars(f"proof.rows[{place}]", row, _SCALARS_OF_A_ROW) for place, row in enumerate(rows))
    if not has_vector(shown):
        return PeriodProof(t, read, None)
    v, k, zeta, epsilon = (content[name] for name in ("v", "k", "zeta", "epsilon"))
    v, k = _points("proof.v and k", [v, k], 2)
    e = _points("proof.e", content["e"], 2)
    projections = _list("proof.projections", content["projections"], PROJECTIONS, PROJECTIONS)
    numbers = [int(number) if matches(NUMBER, number) else -1 for number in projections]
    in_range = all(0 <= number < 2**125 for number in numbers)
    need(in_range, "proof.projections are not whole numbers below 2^125")
    z = _scalars("proof.z", content["z"], vector_size(shown, days))
    zeta, epsilon = _scalars("proof.zeta and epsilon", [zeta, epsilon], 2)
    return PeriodProof(t, read, VectorPart(v, k, (e[0], e[1]), tuple(numbers), z, zeta, epsilon))


def _points(where: str, content: Any, count: int) -> tuple[bytes, ...]:
    points = _list(where, content, count, count)
    need(all(matches(_POINT, point) for point in points), f"{where} are not points of 48 bytes")
    return tuple(bytes_of(point) for point in points)


def _scalars(where: str, content: Any, count: int) -> tuple[int, ...]:
    scalars = _list(where, content, count, count)
    numbers = tuple(int(scalar, 16) if matches(HASH, scalar) else ORDER for scalar in scalars)
    need(all(number < ORDER for number in numbers), f"{where} are not scalars of 32 bytes below the group's order")
    return numbers
