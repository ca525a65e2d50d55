"""Which step of a proposal is which step of the escrow that it is about: one table, for every way that leads there."""

from __future__ import annotations

from typing import NamedTuple

APPROVE, RELEASE, DISPUTE, RESOLVE, ARBITRATE = (
    "escrow.approve",
    "escrow.release",
    "escrow.dispute",
    "escrow.resolve",
    "escrow.arbitrate",
)
"""Kinds of proposals on which people decide; what is approved becomes a transaction of one of the kinds below."""
CREATE, FINISH, CANCEL = "escrow.create", "escrow.finish", "escrow.cancel"


class EscrowFollowing(NamedTuple):
    """A step of an escrow that follows from one of a proposal. `must`: it is refused with the proposal's where the
    escrow's state does not have it; else nothing follows then."""

    event: str
    must: bool = False


FOLLOWING = {
    (APPROVE, "cleared"): EscrowFollowing("submit"),
    (APPROVE, "dispose_false_positive"): EscrowFollowing("submit"),
    (APPROVE, "approve"): EscrowFollowing("approve"),
    (APPROVE, "reject"): EscrowFollowing("reject"),
    (APPROVE, "cancel"): EscrowFollowing("reject"),
    (APPROVE, "expire"): EscrowFollowing("expire"),
    (DISPUTE, "approve"): EscrowFollowing("dispute", must=True),
    (RESOLVE, "approve"): EscrowFollowing("resolve", must=True),
    (CREATE, "submit"): EscrowFollowing("submit_create", must=True),
    (CREATE, "confirm"): EscrowFollowing("confirm_create", must=True),
    (CREATE, "fail"): EscrowFollowing("fail_create"),
    (CREATE, "lapse"): EscrowFollowing("fail_create"),
    (FINISH, "confirm"): EscrowFollowing("confirm_finish", must=True),
    (FINISH, "fail"): EscrowFollowing("fail_finish"),
    (FINISH, "lapse"): EscrowFollowing("fail_finish"),
    (CANCEL, "confirm"): EscrowFollowing("confirm_cancel", must=True),
    (CANCEL, "fail"): EscrowFollowing("fail_cancel"),
    (CANCEL, "lapse"): EscrowFollowing("fail_cancel"),
}
"""(Kind of the proposal, its step) → what follows. A transaction that was cancelled before it was sent is not here: its
signatures may be somewhere, so the escrow waits until no ledger can hold it any more."""
