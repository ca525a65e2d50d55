"""Who may be paid of a bond: a party that compliance knows, at an address that is its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fntx_dagster.errors import Permanent
from fntx_dagster.services.screening.parties import unknown_party
from fntx_dagster.store.database import InTransaction
from fntx_dagster.store.treasury.parties import owners, parties

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection


def require_parties(connection: Connection, named: Iterable[str]) -> None:
    """Raise Permanent for a party that nobody entered."""
    wanted = [*dict.fromkeys(named)]
    known = {each.party_id for each in parties(InTransaction(connection), wanted)}
    if strange := [each for each in wanted if each not in known]:
        raise unknown_party(strange)


def require_addresses(connection: Connection, named: Iterable[tuple[str, str]]) -> None:
    """Raise Permanent unless each address at which somebody is paid is that party's, as compliance entered it."""
    wanted = [*named]
    known = owners(connection, [address for _, address in wanted])
    for party, address in wanted:
        if known.get(address) != party:
            whose = f"an address of {known[address]}" if address in known else "nobody's address that is known"
            raise Permanent(
                f"{address} is {whose}, and {party} would be paid there",
                f"Enter whose it is: `fntx compliance party {party} --name NAME --address {address}`",
            )
