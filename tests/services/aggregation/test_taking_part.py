"""A trader whose month began with too few others joins those of the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from web3.types import Wei

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.contracts import write_addresses
from fntx_dagster.model.chain import Addresses
from fntx_dagster.services.aggregation import trading
from fntx_dagster.settings import Settings
from tests.contracts.pools import BOND, Base, Pool
from tests.tools import needs_anvil

ACCOUNT = "U7000001"


@needs_anvil
def test_a_trader_of_a_month_with_too_few_joins_those_of_the_next_without_another_bond(
    base: Base, tmp_path: Path
) -> None:
    web3, pool = base.chain.web3, Pool(base, minCohort=2)
    file = tmp_path / "contracts.json"
    write_addresses(file, Addresses(web3.eth.chain_id, base.fntx.address, base.records.address))
    node: Any = web3.provider
    settings = Settings.model_validate(
        {
            "home": tmp_path / "home",
            "chain": {"rpc_url": node.endpoint_uri, "contracts": file},
            "aggregation": {"aggregator": pool.contract.address},
        }
    )
    with connect(settings) as chain:
        trader = chain.trader(ACCOUNT).address
    base.chain.done(web3.eth.send_transaction({"from": base.deployer, "to": trader, "value": Wei(10 * BOND)}))
    first = trading.register(settings, ACCOUNT)
    assert trading.register(settings, ACCOUNT) == first  # the month has not begun: others may still join
    base.chain.pass_to(pool.functions.opensAt(first.active_from).call())
    joined = trading.register(settings, ACCOUNT)
    assert joined.is_registered
    assert joined.active_from > first.active_from
    assert trading.register(settings, ACCOUNT) == joined
    assert web3.eth.get_balance(pool.contract.address) == BOND
