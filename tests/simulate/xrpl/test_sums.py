"""Whatever is sent: no XRP comes from nowhere or is lost but by fees, and what is issued is held or locked."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.simulate.xrpl.ledger import ALL_DROPS
from tests.simulate.xrpl.people import BOND, XRP, Town, address, funded, token

PEOPLE = ("issuer", "a", "b", "c")
person = st.sampled_from(PEOPLE)
value = st.integers(1, 300).map(str)
drops = st.integers(1, 400 * XRP).map(str)
action = st.one_of(
    st.tuples(st.just("pay"), person, person, value),
    st.tuples(st.just("give"), person, person, drops),
    st.tuples(st.just("lock"), person, person, value),
    st.tuples(st.just("lock drops"), person, person, drops),
    st.tuples(st.just("finish"), person, person, st.integers(1, 3).map(str)),
    st.tuples(st.just("cancel"), person, person, st.integers(1, 3).map(str)),
    st.tuples(st.just("sell"), person, person, value),
    st.tuples(st.just("buy"), person, person, value),
    st.tuples(st.just("close"), person, person, value),
)


def escrow_of(town: Town, owner: str, number: int) -> int:
    made = [each["Sequence"] for each in town.ledger.open.owned(address(owner)) if each["LedgerEntryType"] == "Escrow"]
    return sorted(made)[number - 1] if len(made) >= number else 99


def act(town: Town, kind: str, one: str, other: str, much: str) -> None:
    now = town.ledger.last.close_time
    times: dict[str, Any] = {"FinishAfter": now + 2, "CancelAfter": now + 5}
    if kind == "pay":
        town.send(one, "Payment", Destination=address(other), Amount=token(much, "issuer"))
    elif kind == "give":
        town.send(one, "Payment", Destination=address(other), Amount=much)
    elif kind.startswith("lock"):
        amount = much if kind == "lock drops" else token(much, "issuer")
        town.send(one, "EscrowCreate", Destination=address(other), Amount=amount, **times)
    elif kind in ("finish", "cancel"):
        name = f"Escrow{kind.title()}"
        town.send(one, name, Owner=address(other), OfferSequence=escrow_of(town, other, int(much)))
    elif kind == "sell":
        town.send(one, "OfferCreate", TakerGets=token(much, "issuer"), TakerPays=str(int(much) * XRP))
    elif kind == "buy":
        town.send(one, "OfferCreate", TakerGets=str(int(much) * XRP), TakerPays=token(much, "issuer"))
    else:
        town.close_ledger()


@settings(max_examples=20, deadline=None)
@given(st.lists(action, min_size=5, max_size=40))
def test_xrp_and_tokens_are_kept(actions: list[tuple[str, str, str, str]]) -> None:
    town = funded(*PEOPLE, drops=500 * XRP)
    town.send("issuer", "AccountSet", SetFlag=17)
    town.send("issuer", "AccountSet", SetFlag=8)
    for name in PEOPLE[1:]:
        town.send(name, "TrustSet", LimitAmount=token("1000", "issuer"))
        town.send("issuer", "Payment", Destination=address(name), Amount=token("500", "issuer"))
    town.close_ledger()
    for each in actions:
        act(town, *each)
    town.close_ledger()
    burnt = sum(_fee(town, name) for name in town.ledger.transactions)
    assert town.total_drops() == town.ledger.last.total_drops == ALL_DROPS - burnt
    said = town.ask("gateway_balances", account=address("issuer"), ledger_index="validated")
    holders: dict[str, Decimal] = defaultdict(Decimal)
    for entry in town.ledger.entries.values():
        if entry["LedgerEntryType"] == "RippleState":
            holders[BOND] += abs(Decimal(entry["Balance"]["value"]))
    locked = sum(
        (_tokens(entry, entry) for entry in town.ledger.entries.values() if entry["LedgerEntryType"] == "Escrow"),
        Decimal(0),
    )
    assert Decimal(said.get("obligations", {}).get(BOND, "0")) == holders[BOND]
    assert Decimal(said.get("locked", {}).get(BOND, "0")) == locked
    assert holders[BOND] + locked == _issued_less_redeemed(town)


def _fee(town: Town, name: str) -> int:
    return int(town.ask("tx", transaction=name)["tx_json"]["Fee"])


def _issued_less_redeemed(town: Town) -> Decimal:
    """The sum of what every transaction says that it changed, rather than of what is there in the end."""
    issued = Decimal(0)
    for validated in town.ledger.transactions.values():
        for node in validated.nodes:
            [(how, change)] = node.items()
            new = change.get("NewFields") or change["FinalFields"]
            old = new | change.get("PreviousFields", {})
            issued += _tokens(change, new) if how != "DeletedNode" else 0
            issued -= _tokens(change, old) if how != "CreatedNode" else 0
    return issued


def _tokens(change: dict[str, Any], fields: dict[str, Any]) -> Decimal:
    """The tokens in an entry: on a line, or locked."""
    amount = fields.get({"RippleState": "Balance", "Escrow": "Amount"}.get(change["LedgerEntryType"], ""))
    return abs(Decimal(amount["value"])) if isinstance(amount, dict) else Decimal(0)
