"""The register of a bond's holders beside the tokens that its ledger holds: whoever moved tokens on the ledger himself
shows here, before the register pays somebody who holds nothing any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.bonds.holdings import HolderDifference, differences, nominal, units_gone
from fntx_dagster.bonds.register import HeldUnits, Line, held_on
from fntx_dagster.errors import Permanent
from fntx_dagster.services.bonds.guards import LedgerSaid
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.services.bonds.transfers import MOVABLE, register_of
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.store.treasury.bonds import BondRow, bonds, tranches_of
from fntx_dagster.store.treasury.parties import owners

if TYPE_CHECKING:
    from fntx_dagster.governance.config import TreasuryConfig
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database

_COUNTED = (*MOVABLE, "Paused")
_BY_HAND = "Enter it by hand: `fntx bond transfer --help`"
_DIGITS = Decimal("0.000001")


class RegisterComparison(NamedTuple):
    """A register beside the ledger, at the end of `on`, the ledger's date. `total`: the tokens of holders, and of
    strangers, whose address stands for them; `others`: bonds that have the same token; `held`: the bond's own register;
    `addresses`: party → where it has tokens."""

    row: BondRow
    on: date
    ledger_index: int
    total: Fraction
    differences: list[HolderDifference]
    others: list[str]
    held: dict[Line, HeldUnits]
    notionals: dict[str, Fraction]
    addresses: dict[str, list[str]]

    def as_dict(self) -> dict[str, Any]:
        """The same for programs: amounts of tokens as texts, cut to six digits."""
        row = self.row
        return {
            "bond": row.bond_id,
            "on": self.on.isoformat(),
            "ledger": row.token_ledger,
            "ledger_index": self.ledger_index,
            "token": {"code": row.token_code, "issuer": row.token_issuer},
            "tokens": written(self.total),
            "shared_with": self.others,
            "differences": [
                {
                    "holder": each.holder,
                    "addresses": self.addresses.get(each.holder, []),
                    "registered": written(each.registered),
                    "held": written(each.held),
                }
                for each in self.differences
            ],
        }


def written(amount: Fraction) -> str:
    """Tokens as people read them: six digits, cut."""
    cut = (Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(_DIGITS)
    return f"{cut.normalize():f}" if cut else "0"


def register_beside_ledger(settings: Settings, db: Database, bond_id: str) -> RegisterComparison:
    """Ask the ledger of a bond's token who holds it, and compare. Tokens of our own accounts are nobody's, unless the
    account is a holder's. Raises Permanent where no server is named, Transient where it does not answer."""
    with db.connect() as connection:
        row = known_bond(connection, bond_id)
        config = approved_config(settings, connection)
    with opened(settings, config, row.token_ledger) as ledger:
        index, on = ledger.head(), LedgerSaid(ledger.closed_at()).day
        tokens = ledger.holdings(row.token_code, row.token_issuer)
    with db.connect() as connection:
        known = owners(connection, sorted(tokens))
        token = (row.token_ledger, row.token_code, row.token_issuer)
        alike = [
            each
            for each in bonds(connection, _COUNTED)
            if (each.token_ledger, each.token_code, each.token_issuer) == token or each.bond_id == bond_id
        ]
        registers = {each.bond_id: _register(connection, each, on) for each in alike}
        own = registers.get(bond_id) or _register(connection, row, on)
    shares: dict[str, Fraction] = defaultdict(Fraction)
    for held, notionals in registers.values():
        for holder, share in nominal(held, notionals).items():
            shares[holder] += share
    held_tokens, addresses = _of_holders(row, config, tokens, known, shares)
    found = differences(shares, held_tokens)
    others = sorted({*registers} - {bond_id})
    return RegisterComparison(row, on, index, sum(held_tokens.values(), Fraction(0)), found, others, *own, addresses)


def transfers_from_ledger(comparison: RegisterComparison) -> list[dict[str, Any]]:
    """What the differences are as transfers of one change, as `propose_transfer` reads them. Permanent where there are
    none, where they cannot be told apart, or where an address is nobody's: then a person has to say."""
    row, found = comparison.row, comparison.differences
    if not found:
        raise Permanent(f"the ledger holds {row.token_code} as the register of {row.bond_id} says", "Nothing to do")
    if comparison.others:
        raise Permanent(f"{row.token_code} stands for {comparison.others[0]} too: whose units moved is open", _BY_HAND)
    for each in found:
        if each.holder in comparison.addresses.get(each.holder, []):
            raise Permanent(
                f"{each.holder} holds {written(each.held)} {row.token_code} and is nobody's address that is known",
                f"Enter whose it is: `fntx compliance party ID --name NAME --address {each.holder}`",
            )
    gone = units_gone(found, comparison.held, comparison.notionals, comparison.total)
    if gone is None:
        raise Permanent("those who gave tokens away have units of several tranches: which moved is open", _BY_HAND)
    if broken := [each for each in gone if each.units.denominator != 1]:
        raise Permanent(
            f"{broken[0].holder} has tokens for {written(abs(broken[0].units))} units more or less than registered: "
            "units are whole",
            "Let the holders move the rest on the ledger first",
        )
    gives = [[each.holder, int(each.units)] for each in gone if each.units > 0]
    moves: list[dict[str, Any]] = []
    for each in gone:
        left = -int(each.units)
        while left > 0 and gives:
            units = min(left, gives[0][1])
            moves.append(_transfer(comparison, each.tranche_id, gives[0][0], each.holder, units))
            left -= units
            gives[0][1] -= units
            if not gives[0][1]:
                gives.pop(0)
    return moves


def require_agreement(settings: Settings, db: Database, row: BondRow) -> None:
    """Raise Permanent where the ledger of a bond's token holds it otherwise than the register. Nothing where no server
    of it is named, or no holder has tokens."""
    treasury = settings.treasury
    if (treasury.xrpl_url if row.token_ledger == "xrpl" else treasury.horizon_url) is None:
        return
    found = register_beside_ledger(settings, db, row.bond_id).differences
    if found:
        worst = max(found, key=lambda each: (abs(each.held - each.registered), each.holder))
        raise Permanent(
            f"the ledger holds {row.token_code} otherwise than the register of {row.bond_id}: {worst.holder} has "
            f"{written(worst.held)} instead of {written(worst.registered)}"
            + (f", and {len(found) - 1} more differ" if len(found) > 1 else ""),
            f"Look: `fntx bond holders {row.bond_id} --ledger`. `fntx bond transfer {row.bond_id} --from-ledger` "
            "proposes what changed; `fntx bond distribute --as-registered` pays by the register nevertheless",
        )


def _register(connection: Connection, row: BondRow, on: date) -> tuple[dict[Line, HeldUnits], dict[str, Fraction]]:
    notionals = {each.tranche_id: Fraction(each.notional) for each in tranches_of(connection, row.bond_id)}
    return held_on(register_of(connection, row.bond_id), on), notionals


def _of_holders(
    row: BondRow,
    config: TreasuryConfig,
    tokens: Mapping[str, Decimal],
    known: Mapping[str, str],
    shares: Mapping[str, Fraction],
) -> tuple[dict[str, Fraction], dict[str, list[str]]]:
    """Party, or an address that is nobody's, → its tokens, and the addresses at which it has them, most first."""
    ours = {*(config.xrpl_accounts if row.token_ledger == "xrpl" else config.stellar_accounts).values()}
    held: dict[str, Fraction] = defaultdict(Fraction)
    addresses: dict[str, list[str]] = defaultdict(list)
    for address, amount in sorted(tokens.items(), key=lambda each: (-each[1], each[0])):
        holder = known.get(address, address)
        if address in ours and holder not in shares:
            continue
        held[holder] += Fraction(amount)
        addresses[holder].append(address)
    return dict(held), dict(addresses)


def _transfer(comparison: RegisterComparison, tranche: str, holder: str, to: str, units: int) -> dict[str, Any]:
    """One transfer; a new holder is paid where it has its tokens, if the cash is on the same ledger."""
    row = comparison.row
    move = {"tranche": tranche, "from": holder, "to": to, "units": str(units)}
    if (tranche, to) in comparison.held:
        return move
    if row.token_ledger != row.cash_ledger:
        raise Permanent(f"{to} has tokens on {row.token_ledger}, and is paid on {row.cash_ledger}", _BY_HAND)
    return move | {"address": comparison.addresses[to][0]}
