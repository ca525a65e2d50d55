"""Addresses on ledgers: whose each is, and whom a payload addresses."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.addresses import is_stellar_address, is_xrpl_address
from fntx_dagster.services.screening.parties import known_party, require_no_true_match
from fntx_dagster.store.database import InTransaction
from fntx_dagster.store.treasury.parties import add_address, open_proposals_of, owners, remove_address

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection, Database


def set_address(db: Database, party_id: str, address: str, *, by: str) -> None:
    """Say that an address is a party's. It has one owner: Permanent where it is another's, and where it is none."""
    if not (is_xrpl_address(address) or is_stellar_address(address)):
        raise Permanent(f"{address[:70]!r} is no address of the XRP Ledger or of Stellar", "Copy it whole: r… or G…")
    with db.connect() as connection:
        known_party(InTransaction(connection), party_id)
        if (owner := add_address(connection, address, party_id, by)) != party_id:
            raise Permanent(f"{address} is an address of {owner}", "Take it from that party first: --drop-address")


def drop_address(db: Database, party_id: str, address: str) -> None:
    """Take an address from a party. Permanent where a proposal that is not over names the party: it was screened, and
    people vote, on whose address that is; and while a match of the party stands that was called true."""
    with db.connect() as connection:
        if not remove_address(connection, address, party_id):
            raise Permanent(f"{address[:70]!r} is no address of {party_id}", "Copy it whole: r… or G…")
        if found := open_proposals_of(connection, party_id):
            raise Permanent(f"the proposal {found[0]} names {party_id}", "It has to end first: look at it with `show`")
        require_no_true_match(connection, party_id)


def addressed_parties(connection: Connection, payload: Any, ours: Collection[str]) -> list[str]:
    """The parties that a payload addresses, beside ourselves; their addresses stay theirs until the transaction ends.
    Permanent for an address that is nobody's."""
    found = sorted(_addresses(payload) - {*ours})
    known = owners(connection, found)
    if strange := [address for address in found if address not in known]:
        raise Permanent(
            f"{strange[0]} is the address of no party that is known",
            f"Enter whose it is: `fntx compliance party ID --name NAME --address {strange[0]}`",
        )
    return sorted({*known.values()})


def _addresses(value: Any) -> set[str]:
    """Every address in a payload, wherever it stands: who issues what is paid is a counterparty as well."""
    if isinstance(value, dict):
        return {address for each in value.values() for address in _addresses(each)}
    if isinstance(value, list):
        return {address for each in value for address in _addresses(each)}
    return {value} if isinstance(value, str) and (is_xrpl_address(value) or is_stellar_address(value)) else set()
