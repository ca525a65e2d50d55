"""Putting a pool on the chain of the settings, as a file describes it: its rules, its trustees.

    {"currency": "USD", "scale": 0, "min_users": 20, "submit_seconds": 345600, "challenge_seconds": 86400,
     "bond": "100000000000000000", "registrar": null, "min_age": 2419200, "min_cohort": 3,
     "threshold": 2, "trustees": [{"address": "0x…", "box_key": "0x…"}, …]}

What is left out has the default above; the trustees have none.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from fntx_dagster.adapters.evm.deploying import deployer_named
from fntx_dagster.adapters.evm.keys import deployer_of
from fntx_dagster.adapters.evm.pools import deploy_pool, deploy_verifier
from fntx_dagster.aggregate.committee import MOST
from fntx_dagster.aggregate.ranges import generators
from fntx_dagster.curve.group import WIDE, read_wide, write_wide
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, CATALOGUE
from fntx_dagster.model.pools import PoolRules
from fntx_dagster.proof.form import ADDRESS, bytes_of, matches, need, need_keys, refuse, strict_json
from fntx_dagster.services.chain_of import connect

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings

NOBODY = "0x" + "00" * 20
_FORM_SECONDS = 14 * 86_400
_DEFAULTS = {
    "currency": "USD",
    "scale": 0,
    "min_users": 20,
    "submit_seconds": 4 * 86_400,
    "challenge_seconds": 86_400,
    "bond": str(10**17),
    "registrar": None,
    "min_age": 28 * 86_400,
    "min_cohort": 3,
    "threshold": 2,
    "form_seconds": _FORM_SECONDS,
}
_BITS = {
    "scale": 8,
    "min_users": 32,
    "submit_seconds": 53,
    "challenge_seconds": 53,
    "min_age": 53,
    "min_cohort": 32,
    "threshold": 8,
    "form_seconds": 53,
}
"""The whole numbers among the terms, and what they fit into."""
_MOST = 20_000
_CURRENCY, _BOND = re.compile(r"[A-Z]{3}"), re.compile(r"0|[1-9][0-9]{0,77}")
_BOX_KEY = re.compile(rf"0x[0-9a-fA-F]{{{2 * WIDE}}}")


def deploy(settings: Settings, text: str | bytes, account: str | None = None) -> str:
    """Put the pool of a file on the chain of the settings, and its verifier where the chain has none: its address.

    The embedded chain's own key pays there; elsewhere the keystore of `account`, else `trader_key`. Permanent where the
    file is none, the chain lacks the precompiled contracts, or the contract refuses the committee.
    """
    try:
        wanted, trustees = _wanted(text)
    except Permanent as error:
        raise Permanent(f"this file describes no pool: {error.message}", "docs/aggregation.md shows its form") from None
    rules = PoolRules(
        wanted["currency"],
        wanted["scale"],
        CATALOGUE.by_name[AGGREGATION_COMMITMENTS].index,
        wanted["min_users"],
        wanted["submit_seconds"],
        wanted["challenge_seconds"],
        int(wanted["bond"]),
        wanted["registrar"] or NOBODY,
        wanted["min_age"],
        wanted["min_cohort"],
    )
    with connect(settings) as chain:
        signer = deployer_of(settings.paths.keys) if chain.is_embedded else deployer_named(settings, account)
        verifier = deploy_verifier(chain, signer, [b"".join(map(write_wide, side)) for side in generators()])
        formed_by = int(time.time()) + wanted["form_seconds"]
        return deploy_pool(chain, signer, rules, verifier, trustees, wanted["threshold"], formed_by)


def _wanted(text: str | bytes) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """The terms of the file with what it leaves out, and the trustees."""
    content = strict_json(text, "the pool's file", _MOST)
    need(type(content) is dict, "the pool's file is no object")
    unknown = content.keys() - _DEFAULTS.keys() - {"trustees"}
    need(not unknown, f"{', '.join(sorted(unknown))}: no such term")
    wanted = {**_DEFAULTS, **content}
    for name, bits in _BITS.items():
        value = wanted[name]
        need(type(value) is int and 0 <= value < 1 << bits, f"{name} is no number from 0 below 2^{bits}")
    need(matches(_CURRENCY, wanted["currency"]), "currency is not the three letters of a currency")
    need(matches(_BOND, wanted["bond"]) and int(wanted["bond"]) < 1 << 256, "bond is not the text of an amount of wei")
    need(wanted["registrar"] is None or matches(ADDRESS, wanted["registrar"]), "registrar is neither null nor 0x…")
    trustees = content.get("trustees")
    need(type(trustees) is list and 1 <= len(trustees) <= MOST, f"trustees are not 1 to {MOST}")
    read = [_trustee(number, each) for number, each in enumerate(trustees)]
    need(all(len({*column}) == len(read) for column in zip(*read, strict=True)), "an address or box key is there twice")
    need(1 <= wanted["threshold"] <= len(read), "threshold is not from 1 to the number of trustees")
    return wanted, read


def _trustee(number: int, content: Any) -> tuple[str, bytes]:
    """Address, in lower case, and box key."""
    where = f"trustee {number}"
    need_keys(where, content, {"address", "box_key"})
    need(matches(ADDRESS, content["address"]), f"{where}: address is none")
    need(matches(_BOX_KEY, content["box_key"]), f"{where}: box_key is not 0x and {2 * WIDE} hex digits")
    box_key = bytes_of(content["box_key"])
    try:
        read_wide(box_key)
    except ValueError:
        refuse(f"{where}: box_key is no point of the curve")
    need(any(box_key), f"{where}: box_key is the identity")
    return content["address"].lower(), box_key
