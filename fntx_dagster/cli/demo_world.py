"""The world of a demo with a treasury: a home of its own, simulated ledgers as processes, people with keys, an embedded
database. It is made anew each time, and what it started ends with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.cli.demo_signers import DemoSigner, with_accounts, with_keys, words_signed
from fntx_dagster.cli.demo_treasury import BY, SIGNERS, DemoTreasury, simulated_ledgers
from fntx_dagster.cli.live_demo import home_of_its_own
from fntx_dagster.cli.serving import end_by_signals
from fntx_dagster.cli.terminal import GOOD, line, note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.services.database import open_database
from fntx_dagster.services.governance.signers import enroll, to_register
from fntx_dagster.settings import Settings, export, load_settings

_REGISTERED = ("scheme", "public_key", "xrpl", "stellar")


class WorldPlan(NamedTuple):
    """What a demo's world has. `owners`: whose keys are made; `funded`: those of them who have XRP; `more`: owners
    whose keys are made otherwise, in a folder; `configure`: the treasury's configuration, of signers and owners;
    `moves_time`: the XRP Ledger's clock can be put forward."""

    folder: str
    owners: Sequence[str]
    funded: Sequence[str]
    configure: Callable[[Sequence[DemoSigner], Mapping[str, DemoSigner]], dict[str, Any]]
    more: Callable[[Path], dict[str, DemoSigner]] = lambda _: {}
    moves_time: bool = False


@contextmanager
def demo_world(settings: Settings, plan: WorldPlan) -> Iterator[DemoTreasury]:
    """A treasury whose three signers are enrolled, until the block ends. Permanent where the settings name a database,
    a chain or a ledger of somebody's."""
    treasury = settings.treasury
    if any((settings.database.url, settings.chain.rpc_url, treasury.config, treasury.xrpl_url, treasury.horizon_url)):
        raise Permanent(
            "the demo moves made-up money, and the settings name a database, a chain or a treasury",
            "Unset FNTX_DATABASE_URL, FNTX_RPC_URL, FNTX_TREASURY_CONFIG, FNTX_XRPL_URL and FNTX_HORIZON_URL for it",
        )
    end_by_signals()
    folder = settings.paths.home / plan.folder
    with home_of_its_own(folder):
        title("Three people, each with keys of his own")
        signers = _people(folder / "people")
        owners = with_accounts(folder / "accounts", plan.owners) | plan.more(folder)
        with simulated_ledgers(folder / "ledgers", owners, plan.funded, moves_time=plan.moves_time) as served:
            config = folder / "treasury.json"
            config.write_text(json.dumps(plan.configure(signers, owners), indent=2), encoding="utf-8")
            export(
                {
                    "FNTX_HOME": str(folder),
                    "FNTX_TREASURY_CONFIG": str(config),
                    "FNTX_XRPL_URL": served.xrpl,
                    "FNTX_HORIZON_URL": served.horizon,
                }
            )
            note("Starting the embedded database …")
            own = load_settings()
            demo = DemoTreasury(own, open_database(own), folder, signers, owners, served)
            _enroll(demo)
            yield demo


def _people(folder: Path) -> list[DemoSigner]:
    signers = with_keys(folder, SIGNERS)
    for signer in signers:
        out(f"{signer.name:<12}{signer.public['xrpl']:<36}{signer.public['stellar']}")
    out(f"Each made his keys in a process of his own, in {folder}; FNTX gets the public ones and reads no key.")
    return signers


def _enroll(demo: DemoTreasury) -> None:
    """Each signs that his key is his; nobody else can be put in his place."""
    rows = [
        {"id": each.name, "role": each.name} | {name: each.public[name] for name in _REGISTERED}
        for each in demo.signers
    ]
    words = [content for _, content in to_register(demo.settings, {"signers": rows})]
    for row, signature in zip(rows, words_signed(demo.signers, words), strict=True):
        row["signature"] = signature
    (demo.folder / "signers.json").write_text(json.dumps({"signers": rows}, indent=2), encoding="utf-8")
    version = enroll(demo.settings, demo.db, {"signers": rows}, BY)
    out(line(GOOD, f" Each signed his registration: the signer set {version} decides, two of three, or all three."))
