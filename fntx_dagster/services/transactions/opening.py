"""Opening a ledger by the server that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.services.transactions.ledgers import TreasuryLedger
from fntx_dagster.services.transactions.on_stellar import on_stellar
from fntx_dagster.services.transactions.on_xrpl import on_xrpl
from fntx_dagster.settings import Settings


@contextmanager
def opened(settings: Settings, config: TreasuryConfig, ledger: str) -> Iterator[TreasuryLedger]:
    """A ledger by the server that the settings name. Raises Permanent where none is named, and for a server of another
    network; Transient where it does not answer."""
    treasury = settings.treasury
    url = treasury.xrpl_url if ledger == "xrpl" else treasury.horizon_url
    if url is None:
        name, what = ("XRPL", "the XRP Ledger") if ledger == "xrpl" else ("HORIZON", "Stellar")
        raise Permanent(f"no server of {what} is named", f"Set FNTX_{name}_URL")
    if ledger == "xrpl":
        yield on_xrpl(settings, config, url.get_secret_value())
        return
    with on_stellar(settings, config, url.get_secret_value()) as stellar:
        yield stellar
