"""The kinds of proposals: how many signers have to approve each, whose role must be among them, what it may hold.

The numbers are those of a set of three; a set whose configuration asks for more has its own (`approvals_of`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from fntx_dagster.errors import Permanent

EXPIRY = timedelta(hours=72)
"""After its creation, a proposal that is not decided ends."""
NOTICE = timedelta(days=30)
"""Between the approval of a rotation and its effect, unless every signer approved an urgent one."""
LONGEST_STANDING = timedelta(days=90)
FEWEST_SIGNERS = 3
TREASURY, COMPLIANCE, TRUSTEE = ROLES = ("treasury", "compliance", "trustee")

BATCH = "batch"
"""Operations of Stellar that are applied together or not at all; each has to be one that the kind allows."""
ANCHOR = "audit.anchor"
"""The kind of an anchor of the audit log on a ledger; a standing approval can stand for the votes on it."""
DISTRIBUTION = "distribution.approve"
"""The kind of a whole distribution of a bond: its approval covers each of its payments, a `distribution.pay`."""
TRANSFER = "bond.transfer"
"""The kind of a change of who holds a bond; it moves nothing on a ledger."""
SET_ASIDE = "distribution.set_aside"
"""The kind that sets payments of a distribution aside: it takes effect with its approval."""
RELEASE = "distribution.release"
"""The kind that pays what was set aside: its approval covers each payment, a `distribution.pay`."""
DISTRIBUTIONS = (DISTRIBUTION, RELEASE)
TRADE = "trade.order"
"""The kind of an order on the exchange of a ledger, or of a batch of them."""
_PAYMENT = frozenset({"payment"})
_FREEZING = frozenset({"trustline.freeze", "trustline.unfreeze", "trustline.flags", "account.flag"})
_CONFIGURING = frozenset(
    {"account.flag", "account.key", "account.options", "account.create", "signers.set", "tickets.create", BATCH}
)


class ProposalKind(NamedTuple):
    """A kind. `ops`: the operations that its intent may have, empty where it moves nothing on a ledger: then it takes
    effect with its approval. `screened`: it names others, who are screened before anybody votes. `stops`: a pause
    stops its steps."""

    approvals: int
    role: str | None = None
    ops: frozenset[str] = frozenset()
    screened: bool = False
    stops: bool = True


KINDS = {
    "trustline.set": ProposalKind(2, ops=frozenset({"trustline.set"}), screened=True),
    "trustline.authorize": ProposalKind(2, ops=frozenset({"trustline.authorize", "trustline.flags"}), screened=True),
    "iou.issue": ProposalKind(2, TREASURY, _PAYMENT, screened=True),
    "iou.redeem": ProposalKind(2, ops=_PAYMENT | {"clawback"}, screened=True),
    "distribution.pay": ProposalKind(2, TREASURY, _PAYMENT, screened=True),
    # all payments of a distribution under one approval
    DISTRIBUTION: ProposalKind(2, TREASURY, screened=True),
    # whose payee is on a list is set aside: a hit must not stop it; the trustee speaks for the payee
    SET_ASIDE: ProposalKind(2, TRUSTEE),
    RELEASE: ProposalKind(2, TREASURY, screened=True),
    "bond.approve": ProposalKind(2, screened=True),
    "bond.pause": ProposalKind(1),
    "bond.transition": ProposalKind(2),
    # who gives units and who gets them
    TRANSFER: ProposalKind(2, screened=True),
    # accelerating and liquidating: what a trustee is for
    "bond.enforce": ProposalKind(2, TRUSTEE),
    TRADE: ProposalKind(2, ops=frozenset({"offer.create", "offer.cancel"})),
    # whoever is on a list can be frozen: a hit must not stop it
    "freeze": ProposalKind(2, COMPLIANCE, _FREEZING),
    # the terms of an escrow, its release, a dispute: what is approved covers the transactions that follow
    "escrow.approve": ProposalKind(2, TREASURY, screened=True),
    "escrow.release": ProposalKind(2, TRUSTEE, screened=True),
    "escrow.dispute": ProposalKind(1),
    "escrow.resolve": ProposalKind(2, TRUSTEE),
    "escrow.arbitrate": ProposalKind(2, TRUSTEE),
    "escrow.create": ProposalKind(2, TREASURY, frozenset({"escrow.create"}), screened=True),
    "escrow.finish": ProposalKind(2, TRUSTEE, frozenset({"escrow.finish"}), screened=True),
    "escrow.cancel": ProposalKind(2, TRUSTEE, frozenset({"escrow.cancel"})),
    "config.change": ProposalKind(3),
    "account.configure": ProposalKind(3, ops=_CONFIGURING),
    # several of them, for accounts that are not held by the signers yet
    "account.setup": ProposalKind(3),
    "signer.rotate": ProposalKind(3),
    "standing.approve": ProposalKind(3),
    "trade.live": ProposalKind(3),
    "trade.kill": ProposalKind(1),
    "breaker.reset": ProposalKind(2),
    # what anchors show is most wanted when something is wrong
    ANCHOR: ProposalKind(2, ops=frozenset({"anchor"}), stops=False),
    "emergency.pause": ProposalKind(1),
    "emergency.resume": ProposalKind(2),
}


def kind_of(name: str) -> ProposalKind:
    """The kind of that name. Raises Permanent where there is none."""
    if name not in KINDS:
        raise Permanent(f"{name} is no kind of proposal", f"It is one of {', '.join(KINDS)}")
    return KINDS[name]


def approvals_of(kind: ProposalKind, threshold: int, config_threshold: int) -> int:
    """How many signers of a set with these thresholds have to approve a proposal of a kind: never fewer than the kind
    says."""
    return max(kind.approvals, {1: 1, 2: threshold, 3: config_threshold}[kind.approvals])


def required_roles(kind: ProposalKind) -> tuple[str, ...]:
    """The roles that must be among those who approve."""
    return (kind.role,) if kind.role else ()
