"""The vectors of periods on a chain of the same number: all that their traders posted is there, at the same address,
and the check of a stranger who names a node gives every file the verdict of its case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from eth_account import Account

from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.reader import yyyymmdd
from fntx_dagster.adapters.evm.typed import address_of
from fntx_dagster.services.signatures.period_checking import check_period
from tests.contracts.chains import Anvil
from tests.contracts.pools import FNTX
from tests.periods.examples import patched, text_of
from tests.tools import needs_anvil

pytestmark = needs_anvil
CHAIN = json.loads(text_of("chain.json"))
CASES = json.loads(text_of("cases.json"))


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    """The URL of a node that has the vectors' chain."""
    chain = Anvil()
    try:
        records = _deployed(chain)
        schema, latest = bytes.fromhex(CHAIN["schema"][2:]), {}
        for post in CHAIN["posts"]:
            sender, day = _address(CHAIN["trader_keys"][post["trader"]]), yyyymmdd(date.fromisoformat(post["date"]))
            root, before = bytes.fromhex(post["root"][2:]), latest.get((sender, day))
            if before is None:
                chain.send(sender, records.functions.postDailyRecord(day, schema, root))
            else:
                chain.send(sender, records.functions.amendDailyRecord(day, before, schema, root, post["reason"]))
            latest[sender, day] = root
        yield chain.url
    finally:
        chain.stop()


def _deployed(chain: Anvil) -> Any:
    """TrackRecord where the vectors say, and traders who can pay."""
    deployer = _address(CHAIN["deployer_key"])
    chain.act_for(deployer)
    token = chain.deploy_code(chain.code("FNTX"), deployer)
    contract = chain.deploy_code(chain.code("TrackRecord", token), deployer)
    assert (contract.lower(), chain.web3.eth.chain_id) == (CHAIN["contract"], CHAIN["chain_id"])
    fntx = chain.web3.eth.contract(token, abi=artifact("FNTX")["abi"])
    for key in CHAIN["trader_keys"].values():
        chain.act_for(_address(key))
        chain.send(deployer, fntx.functions.transfer(_address(key), 1000 * FNTX))
        chain.send(_address(key), fntx.functions.approve(contract, 1000 * FNTX))
    return chain.web3.eth.contract(contract, abi=artifact("TrackRecord")["abi"])


def _address(key: str) -> str:
    return address_of(Account.from_key(key).address)


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_file_of_the_vectors_holds_on_the_chain_or_does_not_as_they_say(node: str, case: dict[str, Any]) -> None:
    checked = check_period(text_of(case["file"]), node)
    assert checked.away is None
    assert (checked.exit_code, checked.as_dict()["holds"]) == (0 if case["node"] else 1, case["node"]), checked.problems


def test_no_patch_of_a_good_file_holds_on_the_chain(node: str) -> None:
    assert [name for name, text in patched().items() if check_period(text, node).exit_code != 1] == []


def test_a_file_without_transactions_says_who_posted_its_days_is_unchecked_and_that_they_were_late(node: str) -> None:
    checked = check_period(text_of("plain.json"), node)
    assert [*checked.unchecked] == ["posting"]
    assert checked.timing[0].late == 21
