"""Signatures of one transaction, collected: each is tested as it comes, and exactly as many as are needed are kept.

The tests and their order are the same on both ledgers: of another transaction, of nobody in the list, of somebody who
has signed already, wrong; and at the end too few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from fntx_dagster.intents.fields import SpecFields, shown
from fntx_dagster.intents.refusal import TransactionRefused

Signature = TypeVar("Signature")


class SignerList(NamedTuple):
    """Who may sign, with which weight, and what the weights must come to."""

    needed: int
    weights: dict[str, int]


def read_signer_list(fields: SpecFields, needed: str, signer: str, limits: tuple[int, int, int]) -> SignerList:
    """The list of a case, whose fields have the names `needed` and `signer`. `limits`: the most that may be needed, the
    largest weight, the most signers. A signer of weight 0 counts as none: so a removed master key is listed."""
    most_needed, most_weight, most_signers = limits
    quorum = fields.whole(needed, 1, most_needed)
    weights: dict[str, int] = {}
    for each in fields.inners("signers"):
        name, weight = each.text(signer), each.whole("weight", 0, most_weight)
        if name in weights:
            raise TransactionRefused("bad_signers", f"{shown(name)} is twice in the list of signers")
        weights[name] = weight
    if len(weights) > most_signers:
        raise TransactionRefused("bad_signers", f"the list has {len(weights)} signers, more than {most_signers}")
    return SignerList(quorum, {name: weight for name, weight in weights.items() if weight})


def other_transaction(where: str) -> TransactionRefused:
    """The refusal of a part whose body is not, byte for byte, the one that was given out."""
    return TransactionRefused("other_transaction", f"{where} is of another transaction than this one")


class Collected(Generic[Signature]):
    """The valid signatures so far, by signer."""

    def __init__(self, signers: SignerList) -> None:
        self._signers = signers
        self._valid: dict[str, Signature] = {}

    def add(self, where: str, signer: str, signature: Signature, verifies: Callable[[], bool]) -> None:
        """Take a signature, or refuse it. `where` names the part for the message."""
        if signer not in self._signers.weights:
            raise TransactionRefused("unknown_signer", f"{where}: {shown(signer)} is not in the list of signers")
        if signer in self._valid:
            raise TransactionRefused("duplicate_signer", f"{where}: {shown(signer)} has signed already")
        if not verifies():
            raise TransactionRefused("bad_signature", f"{where}: this is no signature of {shown(signer)}")
        self._valid[signer] = signature

    @property
    def valid(self) -> dict[str, Signature]:
        """Every valid signature, by its signer."""
        return dict(self._valid)

    def kept(self, order: Callable[[str], bytes]) -> list[tuple[str, Signature]]:
        """As many as are needed, the lowest signers first; the surplus is left out. A ledger that counts the weights in
        this order has used every one of them when it stops."""
        kept: list[tuple[str, Signature]] = []
        weight = 0
        for signer in sorted(self._valid, key=order):
            if weight < self._signers.needed:
                kept.append((signer, self._valid[signer]))
                weight += self._signers.weights[signer]
        if weight < self._signers.needed:
            raise TransactionRefused(
                "below_quorum", f"the signatures weigh {weight}, and {self._signers.needed} are needed"
            )
        return kept

    def weight_of(self, kept: Iterable[tuple[str, Signature]]) -> int:
        """What the signers of these weigh together."""
        return sum(self._signers.weights[signer] for signer, _ in kept)
