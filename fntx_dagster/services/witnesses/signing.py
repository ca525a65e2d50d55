"""Who signs here as a witness, and whether what is given was made for that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm import keys
from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings

WITNESS = "witness"
"""The account whose key a witness signs with: FNTX_KEYSTORES may name its file."""


def need_own(settings: Settings, witness: str) -> None:
    """Permanent unless a package was made for the address that this home signs as: the report of another one could
    never be posted from here."""
    own = keys.signer_of(settings, WITNESS).address
    if own.lower() != witness.lower():
        raise Permanent(
            f"the package was made for the witness {witness}, and this home signs as {own}",
            "Ask the trader for a package for your address, or use the key that it was made for",
        )
