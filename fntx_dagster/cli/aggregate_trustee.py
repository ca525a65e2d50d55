"""`fntx aggregate trustee`: the part of a trustee of a pool, who holds a part of its key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fntx_dagster.cli.options import AsJson, OneDay, print_json, settings_and_database
from fntx_dagster.settings import load_settings

trustee = typer.Typer(
    no_args_is_help=True,
    help="A trustee's part: a share of the pool's key, and of the decryption of its sums.",
)

Signs = Annotated[
    str, typer.Option("--account", help="The account whose key signs for the trustee, as FNTX_KEYSTORES names it.")
]


@trustee.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the secret, encrypted.")],
    account: Signs = "trustee",
    as_json: AsJson = False,
) -> None:
    """Make a trustee's secret, encrypted with FNTX_KEYSTORE_PASSWORD. A trustee keeps two secrets: this file, and the
    key that signs for the account `trustee` (FNTX_KEYSTORES, FNTX_TRADER_KEY, or keys/ in FNTX_HOME). Back up both.

    It prints the address and the box key that the pool's deployment names.

    fntx aggregate trustee init trustee.json
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.aggregation.trustees import init as make

    made = make(load_settings(), file, account)
    if as_json:
        print_json({"file": made.file, "address": made.address, "box_key": made.box_key})
    else:
        out(f"wrote {made.file}: set FNTX_TRUSTEE_FILE to it, and back it up")
        out(f"address  {made.address}")
        out(f"box key  {made.box_key}")


@trustee.command()
def contribute(account: Signs = "trustee", as_json: AsJson = False) -> None:
    """Contribute to the key of the pool of FNTX_AGGREGATOR, once. The file is for this pool from then on.

    fntx aggregate trustee contribute
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.aggregation.trustees import contribute as contribute_to

    number = contribute_to(load_settings(), account)
    if as_json:
        print_json({"trustee": number})
    else:
        out(f"Trustee {number} has contributed. When all have, each confirms: `fntx aggregate trustee confirm`")


@trustee.command()
def confirm(account: Signs = "trustee", as_json: AsJson = False) -> None:
    """Check what the others contributed and sealed for this trustee, and confirm it. Nothing is confirmed if one of
    them cheated; it is said who.

    fntx aggregate trustee confirm
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.aggregation.trustees import confirm as confirm_to

    number = confirm_to(load_settings(), account)
    if as_json:
        print_json({"trustee": number})
    else:
        out(f"Trustee {number} has confirmed. With the last confirmation the pool has its key.")


@trustee.command()
def share(day: OneDay, account: Signs = "trustee", as_json: AsJson = False) -> None:
    """Check a frozen day and offer this trustee's share of the decryption of its sums.

    It refuses unless the file is of this pool, the sums are final, every proof holds, and the traders are those of
    each day that is open or has shares, or differ by several: sums that differ by one trader show that trader.

    fntx aggregate trustee share --date 2025-07-18
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.aggregation.trustees import serve_share

    settings, db = settings_and_database()
    served = serve_share(settings, db, day.date(), account, lambda text: None if as_json else out(text))
    if as_json:
        print_json(served._asdict())
    else:
        out(f"{served.day}: {served.state} {served.tx_hash or ''} {served.error or ''}")
    if served.state == "failed":
        raise typer.Exit(1)
