"""What a validated transaction did to an account, by its metadata: fills, its fee, and what else came or went.

An offer of somebody else that a transaction of the account consumed is a fill, and so is an offer of the account that
anybody's transaction consumed. The account's balances are the measure: fills, fees and flows add up to their changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.execution.assets import XRP, LedgerAsset, LedgerPair

TRADES = ("OfferCreate", "Payment")
_DUST = Fraction(1, 10**9)
POOL = "0" * 64
"""Stands for the offer in a fill against a pool of liquidity, which has none."""


class ConsumedOffer(NamedTuple):
    """How much of an offer a transaction consumed: what its owner gave, and what he got. `sequence` names the offer
    beside its owner."""

    offer_index: str
    owner: str
    sequence: int
    gave_asset: LedgerAsset
    gave: Fraction
    got_asset: LedgerAsset
    got: Fraction


class LedgerTrace(NamedTuple):
    """What a validated transaction left behind, as far as one account is concerned. `changes`: of the account's
    balances, XRP with the fee in it; `fee`: in XRP, 0 where another account paid it."""

    tx_hash: str
    ledger_index: int
    position: int
    close_time: int
    kind: str
    sender: str
    sequence: int
    is_success: bool
    fee: Fraction
    offers: Sequence[ConsumedOffer]
    changes: Mapping[LedgerAsset, Fraction]


class LedgerFill(NamedTuple):
    """A fill of the account, named by transaction and offer. `own_sequence`: of the account's offer or transaction that
    was filled; `is_maker`: its offer rested."""

    tx_hash: str
    offer_index: str
    gave_asset: LedgerAsset
    gave: Fraction
    got_asset: LedgerAsset
    got: Fraction
    own_sequence: int
    is_maker: bool

    def bought(self, pair: LedgerPair) -> Fraction | None:
        """How much of the base it bought, negative of what it sold; None where it is of another pair."""
        if (self.got_asset, self.gave_asset) == pair:
            return self.got
        return -self.gave if (self.gave_asset, self.got_asset) == pair else None


class AccountMoves(NamedTuple):
    """All that a transaction moved for an account. `transfer_fees`: what an issuer kept of what was given; `flows`:
    what came (negative: went) without a trade."""

    fills: tuple[LedgerFill, ...]
    fee: Fraction
    transfer_fees: Mapping[LedgerAsset, Fraction]
    flows: Mapping[LedgerAsset, Fraction]


def moves_of(account: str, trace: LedgerTrace) -> AccountMoves:
    """What a transaction moved for an account: nothing is left over, and nothing counts twice."""
    fills = [_fill(account, trace, each) for each in trace.offers if account in (each.owner, trace.sender)]
    left = {**trace.changes}
    _add(left, XRP, trace.fee)
    for each in fills:
        _add(left, each.got_asset, -each.got)
        _add(left, each.gave_asset, each.gave)
    traded = trace.sender == account and trace.kind in TRADES
    came = [asset for asset, value in left.items() if value > 0]
    went = [asset for asset, value in left.items() if value < 0]
    if traded and len(came) == len(went) == 1:
        pool = (trace.tx_hash, POOL, went[0], -left.pop(went[0]), came[0], left.pop(came[0]))
        fills.append(LedgerFill(*pool, own_sequence=trace.sequence, is_maker=False))
        went = []
    for asset in [each for each in left if not each.is_xrp]:
        _fold(fills, asset, left)
    went = [asset for asset in went if asset in left]
    gave = {each.gave_asset for each in fills}
    kept = {asset: -left.pop(asset) for asset in went if asset in gave and not asset.is_xrp}
    return AccountMoves(tuple(fills), trace.fee, kept, {asset: value for asset, value in left.items() if value})


def _fill(account: str, trace: LedgerTrace, offer: ConsumedOffer) -> LedgerFill:
    name = (trace.tx_hash, offer.offer_index)
    if offer.owner == account:
        own = (offer.gave_asset, offer.gave, offer.got_asset, offer.got)
        return LedgerFill(*name, *own, own_sequence=offer.sequence, is_maker=True)
    mirrored = (offer.got_asset, offer.got, offer.gave_asset, offer.gave)
    return LedgerFill(*name, *mirrored, own_sequence=trace.sequence, is_maker=False)


def _fold(fills: list[LedgerFill], asset: LedgerAsset, left: dict[LedgerAsset, Fraction]) -> None:
    """Let what rounding left of a token be part of the last fill of it: a balance has 16 digits, and is what counts."""
    places = [place for place, each in enumerate(fills) if asset in (each.got_asset, each.gave_asset)]
    if not places or abs(left[asset]) > _DUST * max(fills[places[-1]].got, fills[places[-1]].gave):
        return
    last, rest = fills[places[-1]], left.pop(asset)
    folded = last._replace(got=last.got + rest) if last.got_asset == asset else last._replace(gave=last.gave - rest)
    fills[places[-1]] = folded


def _add(amounts: dict[LedgerAsset, Fraction], asset: LedgerAsset, value: Fraction) -> None:
    amounts[asset] = amounts.get(asset, Fraction(0)) + value
