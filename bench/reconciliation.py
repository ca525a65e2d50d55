"""How long a full reconciliation of nine accounts takes whose issuer has 10,000 trust lines, beside its limit, the bare
requests: the same questions one after the other, their answers parsed as JSON and thrown away.
`python bench/reconciliation.py`. Both servers run in this process; ours asks them in parallel, judges, and keeps it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from statistics import median
from typing import Any

import requests
from measuring import Measurement, home, shown, timed
from xrpl.core.addresscodec import encode_classic_address

from fntx_dagster.simulate.xrpl.entries import line_index
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database
from tests.services.anchoring.harbour import ANCHOR, anchored_platform
from tests.services.reconciling.estates import ROLES, Estate, estate, estate_town
from tests.simulate.horizon.parts import ISSUER, TREASURY
from tests.simulate.xrpl.people import Town, address

LINES, TIMES = 10_000, 5
PAGE = 400


def measure() -> list[Measurement]:
    """The median of both, in turns."""
    town = estate_town(anchored_platform())
    _with_holders(town)
    with home() as settings:
        db: Database = open_database(settings)
        with estate(settings.home, db, town) as here:
            assert here.run().summary.overall_status == "CLEAN"
            ours, bare = [], []
            for _ in range(TIMES):
                ours.append(timed(here.run))
                bare.append(timed(lambda: [*_bare(here)]))
        db.close()
    took, limit = median(ours), median(bare)
    return [
        Measurement(
            f"reconcile nine accounts with {LINES:,} trust lines",
            f"{took:.2f} s",
            f"the bare requests {limit:.2f} s",
            f"{took / limit:.2f}",
            "2 at most",
        )
    ]


def _with_holders(town: Town) -> None:
    """Lines of so many strangers to the issuer, which has authorised none: they are in its directory alone."""
    entries, issuer = town.ledger.entries, address("issuer")
    lines = [each for each in entries.values() if each["LedgerEntryType"] == "RippleState"]
    like = next(each for each in lines if issuer in (each["LowLimit"]["issuer"], each["HighLimit"]["issuer"]))
    is_low = like["LowLimit"]["issuer"] == issuer
    for number in range(LINES - len(lines)):
        # an address above or below every other: the line's sides are in that order
        holder = encode_classic_address((b"\xff" if is_low else b"\x00") * 16 + (number + 1).to_bytes(4, "big"))
        line = copy.deepcopy(like)
        line["HighLimit" if is_low else "LowLimit"]["issuer"] = holder
        line["index"] = line_index(issuer, holder, line["Balance"]["currency"])
        entries[line["index"]] = line


def _bare(here: Estate) -> Iterator[Any]:
    """What a full reconciliation asks."""
    with requests.Session() as session:
        yield _asked(session, here, "server_info")
        index = _asked(session, here, "ledger", ledger_index="validated")["ledger_index"]
        for role in ROLES:
            where = {"account": address(role), "ledger_index": index}
            yield _asked(session, here, "account_info", **where, signer_lists=True)
            page = _asked(session, here, "account_lines", **where, limit=PAGE)
            while "marker" in page:
                page = _asked(session, here, "account_lines", **where, limit=PAGE, marker=page["marker"])
            yield _asked(session, here, "account_objects", **where, type="escrow", limit=PAGE)
        yield _asked(session, here, "account_tx", account=address("attestation"), forward=True, limit=PAGE)
        stellar = ["/", "/ledgers?order=desc&limit=1", "/ledgers?order=desc&limit=1"]
        stellar += [f"/accounts/{each.public_key}" for each in (ISSUER, TREASURY, ANCHOR, ANCHOR)]
        stellar.append(f"/accounts/{ANCHOR.public_key}/transactions?order=asc&limit=200")
        for path in stellar:
            yield session.get(here.horizon.url + path, timeout=10).json()


def _asked(session: requests.Session, here: Estate, method: str, **params: Any) -> Any:
    body = {"method": method, "params": [params | {"api_version": 2}]}
    return session.post(here.xrpl.url, json=body, timeout=30).json()["result"]


if __name__ == "__main__":
    shown(measure())
