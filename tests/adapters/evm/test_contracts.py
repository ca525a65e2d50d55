import json

import pytest

from fntx_dagster.adapters.evm.client import addresses_of, connect
from fntx_dagster.adapters.evm.contracts import read_addresses, write_addresses
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import Addresses
from fntx_dagster.settings import Settings

ADDRESSES = Addresses(7, "0x" + "11" * 20, "0x" + "22" * 20)


def test_addresses_come_back_as_they_were_written(tmp_path):
    write_addresses(tmp_path / "contracts.json", ADDRESSES)
    assert read_addresses(tmp_path / "contracts.json") == ADDRESSES


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"chain_id": 1, "FNTX": "0x12", "TrackRecord": "0x12"}', '{"chain_id": "x"}']
)
def test_a_file_of_another_form_is_named_with_the_form_it_needs(tmp_path, content):
    file = tmp_path / "contracts.json"
    file.write_text(content)
    with pytest.raises(Permanent, match=r"contracts\.json .*TrackRecord"):
        read_addresses(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Permanent, match=r"nowhere\.json"):
        read_addresses(tmp_path / "nowhere.json")


def test_a_lost_addresses_file_is_found_again_without_a_second_deployment(settings):
    file = settings.paths.chain / "contracts.json"
    before = read_addresses(file)
    file.unlink()
    with connect(settings) as chain:
        height = chain.web3.eth.block_number
    assert read_addresses(file) == before
    with connect(settings) as chain:
        assert chain.web3.eth.block_number == height


def test_a_deployment_cut_off_between_the_contracts_is_taken_up(tmp_path, monkeypatch):
    from fntx_dagster.adapters.evm import contracts

    settings = Settings(home=tmp_path)
    sent = []

    def killed_at_the_second(web3, signer, call):
        if sent:
            raise KeyboardInterrupt
        sent.append(original(web3, signer, call))

    original = contracts.transact
    monkeypatch.setattr(contracts, "transact", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        connect(settings)
    monkeypatch.undo()
    with connect(settings) as chain:
        assert chain.web3.eth.block_number == 2
        assert chain.track_record.functions.fntx().call() == chain.fntx_contract


def test_a_chain_that_is_gone_is_not_quietly_begun_anew(settings):
    (settings.paths.chain / "chain.sqlite").unlink()
    with pytest.raises(Permanent, match="no contract FNTX"):
        connect(settings)


def test_addresses_of_another_chain_are_refused(settings):
    file = settings.paths.chain / "contracts.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chain_id": 1}))
    with pytest.raises(Permanent, match="is for chain 1, but the node serves chain 131277322940537"):
        connect(settings)


def test_addresses_that_do_not_belong_together_are_refused(settings):
    file = settings.paths.chain / "contracts.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"FNTX": content["TrackRecord"]}))
    with pytest.raises(Permanent, match="burns another token"):
        connect(settings)


def test_an_rpc_url_without_addresses_says_what_is_missing(tmp_path):
    with pytest.raises(Permanent, match="FNTX_CONTRACTS"):
        connect(Settings(home=tmp_path, chain={"rpc_url": "http://127.0.0.1:1/secret"}))


def test_a_chain_of_an_earlier_release_says_that_it_can_be_moved_away(settings, monkeypatch):
    from fntx_dagster.adapters.evm import contracts

    monkeypatch.setattr(contracts, "VERSION", 3)
    with pytest.raises(Permanent, match=r"of version 2\. Move the folder `chain` .* with the same roots"):
        connect(settings)


def test_the_addresses_of_an_embedded_chain_are_there_before_anything_has_connected_to_it(tmp_path):
    settings = Settings(home=tmp_path)
    addresses = addresses_of(settings)
    with connect(settings) as chain:
        assert addresses == (chain.chain_id, chain.fntx_contract, chain.contract)
        assert chain.runs_our_code()


def test_a_damaged_chain_says_that_it_can_be_moved_away(settings):
    (settings.paths.chain / "chain.sqlite").write_bytes(b"garbage" * 1000)
    with pytest.raises(Permanent, match=r"is damaged: .* Move the folder `chain` of the home away"):
        connect(settings)
