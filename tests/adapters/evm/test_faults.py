import sqlite3

import pytest
from requests.exceptions import ConnectTimeout
from urllib3.exceptions import LocationParseError

from fntx_dagster.adapters.evm.faults import NodeRefusal, Reverted, as_a_node_answers, explained, refusal_of
from fntx_dagster.errors import Permanent, Transient

URL = "https://node.example/v3/token-1234"


def _raised_by(error):
    @explained
    def asks():
        raise error

    with pytest.raises(Exception) as caught:  # noqa: PT011 - its type is what is looked at
        asks()
    return caught.value


def _rpc_error(message, code=-32000):
    from web3.exceptions import Web3RPCError

    return Web3RPCError(message, rpc_response={"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}})


@pytest.mark.parametrize("error", [ConnectTimeout(URL), ConnectionRefusedError(URL), TimeoutError(URL)])
def test_a_node_that_does_not_answer_is_transient_and_its_url_is_not_shown(error):
    raised = _raised_by(error)
    assert type(raised) is Transient
    assert "token" not in str(raised)
    assert raised.__suppress_context__, "a traceback would show the URL"


def test_a_locked_or_full_file_of_the_embedded_chain_is_transient():
    assert type(_raised_by(sqlite3.OperationalError("database is locked"))) is Transient


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("insufficient funds for gas * price + value", Permanent),
        ("nonce too low: next nonce 5, tx nonce 4", Transient),
        ("replacement transaction underpriced", Transient),
        ("header not found", Transient),
    ],
)
def test_a_nodes_refusal_is_classified(message, kind):
    assert type(_raised_by(_rpc_error(message))) is kind


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ("already known", NodeRefusal.ALREADY_KNOWN),
        ("ALREADY_EXISTS: already known", NodeRefusal.ALREADY_KNOWN),
        ("AlreadyKnown", NodeRefusal.ALREADY_KNOWN),
        ("transaction already imported", NodeRefusal.ALREADY_KNOWN),
        ("Known transaction", NodeRefusal.ALREADY_KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", NodeRefusal.NONCE_TOO_LOW),
        ("OldNonce", NodeRefusal.NONCE_TOO_LOW),
        ("nonce too high", NodeRefusal.NONCE_TOO_HIGH),
        ("NonceGap, Future nonce", NodeRefusal.NONCE_TOO_HIGH),
        ("Transaction nonce is too distant from current sender nonce", NodeRefusal.NONCE_TOO_HIGH),
        ("replacement transaction underpriced", NodeRefusal.UNDERPRICED),
        ("transaction underpriced: tip needed 1, tip permitted 0", NodeRefusal.UNDERPRICED),
        ("max fee per gas less than block base fee: address 0x…", NodeRefusal.UNDERPRICED),
        ("FeeTooLowToCompete", NodeRefusal.UNDERPRICED),
        ("could not replace existing tx", NodeRefusal.UNDERPRICED),
        ("insufficient funds for gas * price + value: balance 0", NodeRefusal.NO_ETHER),
        ("Upfront cost exceeds account balance", NodeRefusal.NO_ETHER),
        ("txpool is full", NodeRefusal.OTHER),
    ],
)
def test_the_words_of_the_clients_for_a_refused_transaction_are_understood(message, refusal):
    assert refusal_of(_rpc_error(message)) is refusal


def test_a_custom_error_of_an_http_node_is_read_from_its_data():
    from web3.exceptions import ContractCustomError

    data = "0xd438de28" + f"{20250718:064x}" + "77" * 32
    raised = _raised_by(ContractCustomError(data, data=data))
    assert isinstance(raised, Reverted)
    assert raised.error == "RecordExists"
    assert raised.arguments == {"date": 20250718, "root": b"\x77" * 32}
    assert "0x" + "77" * 32 in str(raised)


@pytest.mark.parametrize("data", [None, "0x", "0x12345678", "0xd438de28"])
def test_a_revert_that_cannot_be_read_is_still_a_revert(data):
    from web3.exceptions import ContractLogicError

    assert isinstance(_raised_by(ContractLogicError("execution reverted", data=data)), Reverted)


def test_what_is_no_fault_of_the_chain_passes_unchanged():
    error = KeyError("mine")
    assert _raised_by(error) is error


@pytest.mark.parametrize("error", [ValueError, TypeError, OverflowError, KeyError, IndexError, AttributeError])
def test_what_web3_trips_over_in_an_answer_is_a_node_that_is_none(error):
    @as_a_node_answers
    def asks():
        raise error(URL)

    with pytest.raises(Transient, match="not as an Ethereum node does") as caught:
        asks()
    assert "token" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert type(_raised_by(error(URL))) is error, "what sends does not hide a mistake of ours behind the node"


def test_a_url_that_no_host_can_have_is_none():
    assert type(_raised_by(LocationParseError("é..x"))) is Permanent
