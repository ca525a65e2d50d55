"""The accounts of a treasury on a Stellar network that does not exist, as they begin: funded, held by their own keys.
The distribution account has its line already."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fntx_dagster.simulate.horizon.entries import AUTHORIZED, STROOPS, AccountEntry, HeldLine
from fntx_dagster.simulate.horizon.network import StellarNetwork

_LUMENS = 100


class AccountsOnStellar(NamedTuple):
    """Who is who on Stellar. The line of `distribution` takes up to `limit` of the asset `code`."""

    issuer: str
    distribution: str
    anchor: str
    code: str
    limit: int


def write_stellar(file: Path, accounts: AccountsOnStellar, passphrase: str) -> None:
    """Write the world that `python -m fntx_dagster.simulate.horizon --state FILE` begins with."""
    network = StellarNetwork(passphrase, world=file)
    lumens, sequence = _LUMENS * STROOPS, network.last.sequence << 32
    line = {f"{accounts.code}:{accounts.issuer}": HeldLine(0, accounts.limit * STROOPS, AUTHORIZED)}
    network.give(AccountEntry(accounts.issuer, lumens, sequence))
    network.give(AccountEntry(accounts.distribution, lumens, sequence, lines=line))
    network.give(AccountEntry(accounts.anchor, lumens, sequence))
