"""The months of the bond of `fntx demo --bond`: a quarter that is paid, one that is missed and cured, the maturity, and
the end of its tokens. Time is the simulated ledger's."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from fntx_dagster.cli.bond_funding_demo import in_state
from fntx_dagster.cli.bond_setup_demo import AskedFor, carried_out, paying
from fntx_dagster.cli.demo_bond import BOND_ID, HOLDERS, NOTIONAL, PEOPLE, cash_of, our_side, raw_tokens, side
from fntx_dagster.cli.demo_ledgers import send_by_owners
from fntx_dagster.cli.demo_signers import transactions_signed
from fntx_dagster.cli.demo_treasury import BOND, BY, DemoTreasury, must
from fntx_dagster.cli.issue_demo import decide_together, taken
from fntx_dagster.cli.terminal import GOOD, line, new_table, out, title
from fntx_dagster.services.bonds.delinquency import run_clocks
from fntx_dagster.services.bonds.reading import show_bond
from fntx_dagster.services.bonds.transitions import transition_bond
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.paying import look, pay
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.reading import DistributionRow, distribution_dict
from fntx_dagster.services.distributions.receipts import receipt_of_transaction
from fntx_dagster.services.treasury.flows import token_at

_NOON = time(12)
_DUE = Decimal("14750.00")
"""Each quarter: a fee of 500, 11250 to A, 3000 to B."""
_WAIT, _ROUNDS = 20, 6


def quarters(demo: DemoTreasury) -> None:
    """Let nine months pass. Permanent where a payment does not arrive, or a state does not follow."""
    first, second, last = _due_dates(demo)
    _pass_to(demo, first, "Three months later")
    _distribute(demo, _DUE + 250)
    in_state(demo, "Current")
    _pass_to(demo, second, "Three months later: solar pays nothing")
    in_state(demo, "Current")
    late = second + timedelta(days=show_bond(demo.db, BOND_ID).row.grace_days + 1)
    _pass_to(demo, late, "The days of grace are over")
    [clock] = run_clocks(demo.settings, demo.db)
    out(f"By the ledger's date, {clock.on}: {clock.arrears} {clock.currency} are overdue since {clock.oldest}.")
    in_state(demo, "Delinquent")
    out("solar pays what it owes:")
    _distribute(demo, _DUE)
    out("Nothing is overdue any more: cured.")
    in_state(demo, "Current")
    _pass_to(demo, last, "Three months later: the bond matures")
    _distribute(demo, _DUE + Decimal(NOTIONAL))
    transition_bond(demo.settings, demo.db, BOND_ID, "mature", by=BY)
    in_state(demo, "Matured")
    _redeem(demo)


def _due_dates(demo: DemoTreasury) -> list[date]:
    return sorted({row.due_date for row in show_bond(demo.db, BOND_ID).dues})


def _pass_to(demo: DemoTreasury, day: date, words: str) -> None:
    title(f"{words}: {day}" if ":" not in words else f"{words} ({day})")
    demo.ledgers.pass_to(datetime.combine(day, _NOON, UTC))


def _distribute(demo: DemoTreasury, cash: Decimal) -> None:
    """Cash comes in and goes out: one receipt, one waterfall, one approval, and a transaction for each payment."""
    [paid] = send_by_owners(demo.ledgers.xrpl, [[paying(demo, "solar", "house", cash_of(demo, f"{cash}"))]])
    receipt = receipt_of_transaction(demo.settings, demo.db, BOND_ID, paid, BY)
    out(f"{receipt.amount} USD came in on {receipt.received_on}, by the payment {paid[:16]}… in ledger "
        f"{receipt.ledger_index}.")  # fmt: skip
    row = compute(demo.settings, demo.db, BOND_ID, by=BY)
    _show(row)
    treasury, _, trustee = demo.signers
    decide_together(demo, _proposed(demo, row), [treasury, trustee])
    report = pay(demo.settings, demo.db, row.distribution_id, demo.folder / "to-sign", by=BY)
    for _ in range(_ROUNDS):
        if report.next == "nothing":
            break
        if report.next == "sign":
            taken(demo, transactions_signed([treasury, trustee], "xrpl", *report.files))
        report = pay(demo.settings, demo.db, row.distribution_id, demo.folder / "to-sign", _WAIT, BY)
    must(report.next == "nothing", f"the distribution waits: {report.next}, {report.problems}")
    for each in report.payments:
        of = each.payment
        out(line(GOOD, f" {of.party:<6}{of.kind:<10}{of.amount:>13} USD  {(each.tx_hash or '')[:16]}…"))


def _proposed(demo: DemoTreasury, row: DistributionRow) -> UUID:
    """The proposal that asks for all payments of a distribution."""
    paid = {each.payment.address for each in look(demo.db, row.distribution_id).payments}
    sides = {demo.xrpl(party): side(demo, party) for party in PEOPLE}
    travel = {
        "originator": our_side(demo, "house"),
        "beneficiaries": {address: each for address, each in sides.items() if address in paid},
    }
    return propose_distribution(demo.settings, demo.db, row.distribution_id, travel, BY)


def _show(row: DistributionRow) -> None:
    table = new_table("step", "line", right=("due", "in arrears", "paid", "short"))
    for each in distribution_dict(row)["lines"]:
        amounts = (each[name] for name in ("due", "arrears_before", "paid", "shortfall"))
        table.add_row(f"{each['step']} {each['kind']}", each["id"], *amounts)
    out(table)


def _redeem(demo: DemoTreasury) -> None:
    title("The tokens go back and end")
    given = [paying(demo, name, "house", raw_tokens(demo, value)) for name, value in HOLDERS.items()]
    send_by_owners(demo.ledgers.xrpl, [given])
    out("ada, bob and cleo give their tokens back, with wallets of their own.")
    token = token_at(demo.settings, demo.db, BOND)
    issuer = {"name": "Demo Treasury", "account": demo.xrpl("issuer"), "address": "1 Demo Street"}
    travel = {"originator": our_side(demo, "house"), "beneficiary": issuer}
    back = token.pay(NOTIONAL.removesuffix(".00"), "treasury", "issuer")
    carried_out(demo, [AskedFor("iou.redeem", back, travel)])
    asked = transition_bond(demo.settings, demo.db, BOND_ID, "settle", by=BY)
    assert asked.proposal_id is not None
    out(f"The ledger has no {BOND} any more; two settle the bond:")
    decide_together(demo, asked.proposal_id, demo.signers[1:])
    in_state(demo, "Redeemed")
