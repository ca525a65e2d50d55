"""The chain: does the node answer, are our contracts on it, and can each key sign and pay."""

from __future__ import annotations

from collections.abc import Iterator

from fntx_dagster.errors import Permanent, masked
from fntx_dagster.services.chain import TraderState, trader_state
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.doctor.checks import CheckResult, Circumstances, advice, right, unused, wrong
from fntx_dagster.settings import Settings
from fntx_dagster.store.raw_flex.overview import accounts

FEW_DAYS = 20
"""A month of sessions: who can pay for fewer has to know it in time."""


def answers(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether the node answers, serves the chain of the addresses' file, and has both contracts in our version."""
    settings = circumstances.settings
    if why := _cannot_be_asked(settings, "the embedded chain is made when the first day is signed"):
        yield unused(why)
        return
    with connect(settings) as chain:
        if not chain.runs_our_code():
            yield advice(
                f"the TrackRecord at {chain.contract} has another code than the one of this program",
                "Look whether it is the contract that you deployed",
            )
        whose = "embedded" if settings.chain.rpc_url is None else "of FNTX_RPC_URL"
        yield right(f"chain {chain.chain_id}, {whose}, answers; TrackRecord is at {chain.contract}")


def traders_can_pay(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether each account's key can be used and pays for a month of records."""
    settings = circumstances.settings
    if why := _cannot_be_asked(settings, "keys are made and funded with the embedded chain"):
        yield unused(why)
        return
    loaded = accounts(circumstances.db) if circumstances.db is not None else []
    known = dict.fromkeys([*loaded, *settings.keys.keystores])
    if not known and settings.keys.trader_key is None:
        yield unused("no account is loaded, and no key is in the settings")
        return
    with connect(settings) as chain:
        for account in known or [""]:
            yield _state(settings, trader_state(settings, chain, account))


def _state(settings: Settings, trader: TraderState) -> CheckResult:
    name = masked(trader.account_id) if trader.account_id else "FNTX_TRADER_KEY"
    if trader.problem is not None:
        message, _, way_out = trader.problem.partition(". ")
        return wrong(f"{name}: {message}", way_out)
    if trader.days is None or trader.wei is None:
        raise Permanent(f"{name} has no funds that can be read")
    text = f"{name}: {trader.trader} has {trader.wei / 10**18:.4f} ether, and FNTX for {trader.days} records"
    if settings.chain.rpc_url is None:
        return right(text)
    if trader.wei == 0:
        return wrong(text, f"Send ether to {trader.trader}: it pays for transactions")
    if trader.days == 0:
        return wrong(text, f"Send FNTX to {trader.trader}, and let TrackRecord burn it: `fntx chain approve`")
    return right(text) if trader.days >= FEW_DAYS else advice(text, f"Send FNTX to {trader.trader} in time")


def _cannot_be_asked(settings: Settings, not_made: str) -> str | None:
    """Why there is no chain to ask, `not_made` where the embedded one is not there yet; None where there is one."""
    if settings.chain.rpc_url is None:
        return None if (settings.paths.chain / "contracts.json").exists() else not_made
    return "not checked: the settings come first" if settings.chain.contracts is None else None
