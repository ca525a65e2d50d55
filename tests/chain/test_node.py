"""The same interface over HTTP, against anvil where it is installed (`npm install -g @foundry-rs/anvil`)."""

import re
import shutil
import subprocess

import pytest
from pydantic import SecretStr

from fntx_dagster.chain.client import Chain, connect
from fntx_dagster.chain.contracts import Addresses, deploy, write_addresses
from fntx_dagster.chain.faults import Reverted
from fntx_dagster.chain.keys import Signer
from fntx_dagster.chain.sender import post
from fntx_dagster.chain.transactions import transact
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.proof.leaves import Context
from fntx_dagster.proof.record import build_record
from fntx_dagster.settings import Settings
from tests.chain.conftest import ACCOUNT, DAY, SCHEMA

ANVIL = shutil.which("anvil")
ROOT = b"\x77" * 32
DEPLOYER = Signer(b"\x02" * 32)

needs_anvil = pytest.mark.skipif(ANVIL is None, reason="needs anvil on PATH")


@pytest.fixture
def url():
    process = subprocess.Popen([ANVIL, "--port", "0"], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        listening = re.search(r"Listening on (\S+)", line)
        if listening:
            break
    yield f"http://{listening[1]}"
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def chain(url, tmp_path):
    from web3 import HTTPProvider, Web3

    web3 = Web3(HTTPProvider(url))
    web3.provider.make_request("anvil_setBalance", [DEPLOYER.address, hex(10**20)])
    write_addresses(tmp_path / "contracts.json", deploy(web3, DEPLOYER))
    with connect(Settings(home=tmp_path / "home", rpc_url=url, contracts=tmp_path / "contracts.json")) as chain:
        yield chain


@pytest.fixture
def trader(chain):
    trader = chain.trader(ACCOUNT)
    transact(chain.web3, DEPLOYER, {"to": trader.address, "value": 10**18})
    chain.invoke(DEPLOYER, chain.fntx, "transfer", trader.address, 10**20)
    chain.approve_burning(trader)
    return trader


@needs_anvil
def test_post_read_and_verify_are_the_same_over_http(chain, trader):
    context = Context(SCHEMA, chain.chain_id, chain.contract, trader.address, DAY)
    record = build_record(context, ACCOUNT, {5: -7, 6: None}, bytes(32))
    receipt = post(chain, trader, DAY, SCHEMA, record.root)
    assert receipt == post(chain, trader, DAY, SCHEMA, record.root) == chain.receipt(receipt.tx_hash)
    assert receipt.burned == 10
    assert chain.verify_metric(trader.address, DAY, 5, -7, record.salts[5], record.proof(5))
    assert chain.verify_metric(trader.address, DAY, 6, None, record.salts[6], record.proof(6))
    assert not chain.verify_metric(trader.address, DAY, 5, 7, record.salts[5], record.proof(5))


@needs_anvil
def test_a_custom_error_is_read_as_on_the_embedded_chain(chain, trader):
    post(chain, trader, DAY, SCHEMA, ROOT)
    with pytest.raises(Reverted) as caught:
        chain.invoke(trader, chain.track_record, "postDailyRecord", 20250718, SCHEMA, b"\x78" * 32)
    assert (caught.value.error, caught.value.arguments) == ("RecordExists", {"date": 20250718, "root": ROOT})


@needs_anvil
def test_a_trader_without_funds_is_told_before_a_nonce_is_taken(chain):
    with pytest.raises(Permanent, match="holds 0 FNTX"):
        post(chain, chain.trader(ACCOUNT), DAY, SCHEMA, ROOT)


@needs_anvil
def test_too_little_ether_is_told_before_a_nonce_is_taken(chain, trader):
    chain.web3.provider.make_request("anvil_setBalance", [trader.address, hex(10**9)])
    nonce = chain.web3.eth.get_transaction_count(trader.address)
    with pytest.raises(Permanent, match="wei of ether and the transaction may cost"):
        post(chain, trader, DAY, SCHEMA, ROOT)
    assert chain.web3.eth.get_transaction_count(trader.address, "pending") == nonce


@needs_anvil
def test_a_transaction_that_is_not_mined_in_time_is_waited_for_and_never_sent_twice(chain, trader):
    chain.web3.provider.make_request("evm_setAutomine", [False])
    signed = []
    with pytest.raises(Transient, match="not mined yet"):
        post(chain, trader, DAY, SCHEMA, ROOT, on_signed=signed.append, timeout=1)
    with pytest.raises(Transient, match="still in progress"):
        post(chain, trader, DAY, SCHEMA, ROOT, on_signed=signed.append, timeout=1)
    chain.web3.provider.make_request("evm_mine", [])
    receipt = post(chain, trader, DAY, SCHEMA, ROOT, on_signed=signed.append)
    assert [each.tx_hash for each in signed] == [receipt.tx_hash]


@needs_anvil
def test_a_record_that_a_reorganisation_removed_is_gone_and_can_be_posted_again(chain, trader):
    receipt = post(chain, trader, DAY, SCHEMA, ROOT)
    chain.web3.provider.make_request("anvil_rollback", [1])
    assert chain.receipt(receipt.tx_hash) is None
    assert chain.find_posting(trader.address, DAY) is None
    assert post(chain, trader, DAY, SCHEMA, ROOT).root == ROOT


@needs_anvil
def test_the_configured_key_signs_for_every_account(chain, tmp_path):
    settings = chain._settings.model_copy(update={"trader_key": SecretStr("0x" + "01" * 32)})
    with connect(settings) as other:
        assert other.trader("U0000001").address == other.trader("U0000002").address == Signer(b"\x01" * 32).address


def test_a_node_that_is_not_there_is_transient_and_its_url_is_not_shown(tmp_path):
    file = tmp_path / "contracts.json"
    write_addresses(file, Addresses(1, "0x" + "11" * 20, "0x" + "22" * 20))
    with pytest.raises(Transient) as caught:
        connect(Settings(home=tmp_path, rpc_url="http://127.0.0.1:9/token-1234", contracts=file))
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("key", ["not hex", "0x12"])
def test_a_configured_key_that_is_none_is_refused_without_being_shown(settings, key):
    chain = Chain(None, Addresses(1, "", ""), settings.model_copy(update={"trader_key": SecretStr(key)}))
    with pytest.raises(Permanent, match="private key") as caught:
        chain.trader(ACCOUNT)
    assert key not in str(caught.value)
