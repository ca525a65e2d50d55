"""What our client reads of a Horizon: the network, the last ledger, accounts, assets, transactions, fees."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import pytest
from stellar_sdk import Account as SdkAccount
from stellar_sdk import Clawback, HashMemo, ManageData, Payment, SetOptions, TransactionBuilder

from fntx_dagster.adapters.stellar.costs import reserve
from fntx_dagster.adapters.stellar.horizon import Horizon, open_horizon
from fntx_dagster.adapters.stellar.states import FailedOperation, StellarLineState, StellarThresholds
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.simulate.horizon.network import TESTNET
from fntx_dagster.simulate.horizon.server import SimulatedHorizon, serve_horizon
from tests.simulate.horizon.parts import HOLDER, ISSUER, LUMEN, PEOPLE, STRANGER, USD, Desk, line, multisig


class Place(NamedTuple):
    """A network, its server, our client."""

    desk: Desk
    server: SimulatedHorizon
    horizon: Horizon


@pytest.fixture
def place() -> Iterator[Place]:
    desk = Desk(
        issuer=multisig() | {"flags": 11, "data": {"fntx.audit": b"\x00\xff"}, "home_domain": "example.org"},
        holder=line(7, flags=5),
        treasury=line(2, flags=2),
    )
    with serve_horizon(desk.network, with_faults=True) as server, open_horizon(server.url, TESTNET) as horizon:
        yield Place(desk, server, horizon)
        assert server.problems == []


def test_a_server_of_another_network_is_refused_before_anything_is_asked() -> None:
    with serve_horizon(Desk().network) as server:
        with pytest.raises(Permanent, match="another network"), open_horizon(server.url, "Another ; 2026"):
            pytest.fail("it opened")
        assert [request.path for request in server.requests] == ["/"]


def test_an_account_is_read_as_the_ledger_holds_it(place: Place) -> None:
    issuer = place.horizon.account(ISSUER.public_key)
    assert issuer is not None
    assert issuer.thresholds == StellarThresholds(0, 2, 2, 3)
    assert issuer.signers == {person.public_key: 1 for person in PEOPLE}
    assert issuer.flags == {"auth_required", "auth_revocable", "auth_clawback_enabled"}
    assert (issuer.data, issuer.home_domain) == ({"fntx.audit": b"\x00\xff"}, "example.org")
    assert (issuer.balance, issuer.subentries, issuer.sequence) == (Decimal(100), 4, 0)
    assert reserve(issuer.subentries, place.horizon.last_ledger().base_reserve) == 3 * LUMEN
    holder = place.horizon.account(HOLDER.public_key)
    assert holder is not None
    assert holder.lines == (StellarLineState(USD.code, ISSUER.public_key, Decimal(7), Decimal(1000), True, True, True),)
    assert holder.thresholds == StellarThresholds(1, 0, 0, 0)
    assert place.horizon.account(STRANGER.public_key) is None


def test_the_supply_counts_every_kind_of_holding(place: Place) -> None:
    supply = place.horizon.supply(USD.code, ISSUER.public_key)
    assert (supply.authorized, supply.maintaining, supply.total) == (Decimal(7), Decimal(2), Decimal(9))
    assert place.horizon.supply("OTHER", ISSUER.public_key).total == 0


def test_the_last_ledger_has_the_ledgers_time_and_costs(place: Place) -> None:
    place.desk.network.close(100)
    last = place.horizon.last_ledger()
    assert (last.sequence, last.base_fee, last.base_reserve) == (2, 100, 5_000_000)
    assert last.closed_at.timestamp() == place.desk.network.last.closed_at


def test_the_fee_follows_what_was_paid_between_the_base_fee_and_the_cap(place: Place) -> None:
    assert place.horizon.fee(5000) == 100
    with pytest.raises(Permanent, match="above the cap of 99"):
        place.horizon.fee(99)


def test_a_transaction_is_read_with_its_memo_and_the_data_that_it_set(place: Place) -> None:
    root = bytes(range(32))
    builder = TransactionBuilder(SdkAccount(HOLDER.public_key, 0), TESTNET, 100).add_memo(HashMemo(root))
    builder.append_manage_data_op("fntx.audit", b"payload").append_manage_data_op("old", b"1")
    envelope = builder.append_manage_data_op("old", None).add_time_bounds(0, 0).build()
    envelope.sign(HOLDER)
    assert place.desk.submit(envelope).code == "tx_success"
    found = place.horizon.transaction(envelope.hash_hex())
    assert found is not None
    assert (found.successful, found.memo, found.code, found.fee) == (True, root, "tx_success", 300)
    assert found.source == HOLDER.public_key
    assert found.envelope_xdr == envelope.to_xdr()
    assert place.horizon.data_set_by(found.hash) == {"fntx.audit": b"payload", "old": None}
    assert place.horizon.transaction("0" * 64) is None


def test_the_transactions_of_an_account_are_read_to_the_end_failed_ones_too(place: Place) -> None:
    for number in range(205):
        place.desk.send(HOLDER, ManageData("name", f"{number}"))
    place.desk.send(HOLDER, Payment(STRANGER.public_key, USD, "1"))
    found = list(place.horizon.transactions_of(HOLDER.public_key))
    assert [each.sequence for each in found] == list(range(1, 207))
    assert found[-1].failed == FailedOperation(1, "op_no_destination")
    assert [each.hash for each in place.horizon.transactions_of(HOLDER.public_key, found[199].paging_token)] == [
        each.hash for each in found[200:]
    ]


@pytest.mark.parametrize("address", ["", "G", HOLDER.secret, "../transactions", HOLDER.public_key.lower(), "é" * 56])
def test_what_is_no_address_is_not_asked_for(place: Place, address: str) -> None:
    before = len(place.server.requests)
    for ask in (place.horizon.account, lambda each: place.horizon.supply("USD", each)):
        with pytest.raises(Permanent) as refused:
            ask(address)
        assert HOLDER.secret not in str(refused.value)
    assert len(place.server.requests) == before


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_a_server_that_cannot_answer_now_may_answer_later(place: Place, status: int) -> None:
    place.server.fail("GET", "/accounts", "problem", status=status)
    with pytest.raises(Transient, match=f"status {status}"):
        place.horizon.account(HOLDER.public_key)
    assert place.horizon.account(HOLDER.public_key) is not None


def test_nothing_is_asked_twice_by_itself(place: Place) -> None:
    place.server.fail("GET", "/ledgers", "cut")
    with pytest.raises(Transient, match="does not answer"):
        place.horizon.last_ledger()
    assert sum(request.path == "/ledgers" for request in place.server.requests) == 1


def test_an_address_of_horizon_that_is_none_is_refused_without_being_shown() -> None:
    for url in ("", "horizon.example", "file:///etc/passwd", "http://", "http://[::1"):
        with pytest.raises(Permanent, match="address of Horizon"), open_horizon(url, TESTNET):
            pytest.fail("it opened")


def test_an_error_does_not_hold_what_stands_before_the_host() -> None:
    with pytest.raises(Transient) as away, open_horizon("http://user:secret@127.0.0.1:1/", TESTNET):
        pytest.fail("it opened")
    assert "secret" not in str(away.value)
    assert "127.0.0.1:1" in str(away.value)


def test_an_issuer_is_set_up_and_what_changed_is_seen(place: Place) -> None:
    freeze = Clawback(USD, HOLDER.public_key, "3")
    assert place.desk.send(ISSUER, freeze, SetOptions(home_domain=""), signers=PEOPLE[:2]).code == "tx_success"
    issuer, holder = place.horizon.account(ISSUER.public_key), place.horizon.account(HOLDER.public_key)
    assert issuer is not None
    assert holder is not None
    assert (issuer.home_domain, issuer.sequence, holder.lines[0].balance) == ("", 1, Decimal(4))
    assert issuer.last_modified == holder.last_modified == place.horizon.last_ledger().sequence
