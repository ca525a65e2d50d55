"""Putting a pool on the chain of the settings, as a file describes it: its rules, its trustees.

    {"currency": "USD", "scale": 0, "min_users": 20, "submit_seconds": 345600, "challenge_seconds": 86400,
     "bond": "100000000000000000", "registrar": null, "min_age": 2419200, "min_cohort": 3,
     "threshold": 2, "trustees": [{"address": "0x…", "box_key": "0x…"}, …]}

What is left out has the default above; the trustees have none.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.deploying import deployer_named
from fntx_dagster.adapters.evm.keys import deployer_of
from fntx_dagster.adapters.evm.pools import deploy_pool, deploy_verifier
from fntx_dagster.aggregate.ranges import generators
from fntx_dagster.curve.group import read_wide, write_wide
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, CATALOGUE
from fntx_dagster.model.pools import PoolRules

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
_TYPES = {name: (str, type(None)) if name == "registrar" else type(value) for name, value in _DEFAULTS.items()}


def deploy(settings: Settings, text: str | bytes, account: str | None = None) -> str:
    """Put the pool of a file on the chain of the settings, and its verifier where the chain has none: its address.

    The embedded chain's own key pays there; elsewhere the keystore of `account`, else `trader_key`. Permanent where the
    file is none, the chain lacks the precompiled contracts, or the contract refuses the committee.
    """
    wanted, trustees = _wanted(text)
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
    try:
        content = json.loads(text)
        trustees = [
            (each["address"], bytes.fromhex(each["box_key"].removeprefix("0x"))) for each in content["trustees"]
        ]
        for _, box_key in trustees:
            read_wide(box_key)
        unknown = content.keys() - _DEFAULTS.keys() - {"trustees"}
        wrong = [
            name
            for name, default in _DEFAULTS.items()
            if isinstance(default, int) and type(content.get(name, 0)) is not int
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Permanent("this file describes no pool", "docs/aggregation.md shows its form") from None
    if unknown or wrong:
        raise Permanent(f"{', '.join(sorted([*unknown, *wrong]))}: no such term", "docs/aggregation.md lists them")
    return {**_DEFAULTS, **content}, trustees
