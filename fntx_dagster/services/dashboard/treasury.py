"""The treasury as its pages show it: proposals, what waits for a person, who may decide, what stands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fntx_dagster.errors import FntxError
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.governance.machines import PROPOSAL, states
from fntx_dagster.services.auditing.looking import status as status_of
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.reading import OPEN, paused
from fntx_dagster.services.governance.signers import SetView, list_sets
from fntx_dagster.services.screening.gating import list_problems
from fntx_dagster.services.screening.lists import standings
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.audit_log import log_size, logged_at
from fntx_dagster.store.treasury.listing import (
    ListedProposal,
    ListedStanding,
    anchors_to_sign,
    counted_states,
    listed_proposals,
    listed_standing,
)
from fntx_dagster.store.treasury.platform import PlatformState, platform_state

__all__ = ["KIND_NAMES", "STATES", "ListedProposal", "ListedStanding", "PlatformState"]

STATES = states(PROPOSAL)
"""Of a proposal, in the order of its steps."""
KIND_NAMES = tuple(KINDS)
_PAGE = 50
_WAITS: Mapping[str, tuple[str, str]] = {
    "pending_approval": ("waits for decisions of the signers", "wait for decisions of the signers"),
    "blocked": ("is held back by a match on a list", "are held back by matches on a list"),
    "screening": ("waits until its parties can be screened", "wait until their parties can be screened"),
    "approved": ("is approved and not prepared yet", "are approved and not prepared yet"),
    "prepared": ("waits for signatures", "wait for signatures"),
    "signing": ("waits for further signatures", "wait for further signatures"),
    "ready": ("is signed and not submitted yet", "are signed and not submitted yet"),
}
"""State → what a proposal in it waits for, and what several do, of those that wait for a person."""
_PREPARED = tuple(name for name, kind in KINDS.items() if kind.ops)
_GRACE = timedelta(hours=1)
"""A timer that anchors has come by then."""


class Need(NamedTuple):
    """Something that a person has to do: about what, in words, and the page that leads on."""

    about: str
    text: str
    path: str


class ProposalsShown(NamedTuple):
    """The platform's state, a page of proposals, newest first, and behind which nonce older ones are (None: none)."""

    platform: PlatformState
    proposals: list[ListedProposal]
    before: int | None


class SignersShown(NamedTuple):
    """The platform's state, every version of the signer set, newest first, and the standing approvals."""

    platform: PlatformState
    sets: list[SetView]
    standing: list[ListedStanding]


def is_begun(db: Database) -> bool:
    """Whether there is a treasury: somebody may decide."""
    return paused(db) is not None


def proposals_of(db: Database, state: str, kind: str | None, before: int | None) -> ProposalsShown | None:
    """A page of proposals: in a state, `open` or `all`; of a kind, or of all. None where there is no treasury."""
    chosen = OPEN if state == "open" else None if state == "all" else (state,)
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        platform = platform_state(connection)
        if platform is None:
            return None
        found = listed_proposals(connection, chosen, kind, before, _PAGE + 1)
    page = found[:_PAGE]
    return ProposalsShown(platform, page, page[-1].row.nonce if len(found) > len(page) else None)


def signers_shown(db: Database, now: datetime) -> SignersShown | None:
    """Who may decide, and what was approved for good. None where there is no treasury. `now` is aware: uses are counted
    by the days of UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with db.connect() as connection:
        platform, standing = platform_state(connection), listed_standing(connection, midnight)
    return SignersShown(platform, list_sets(db), standing) if platform else None


def needs_of(settings: Settings, db: Database, now: datetime) -> list[Need]:
    """What of the treasury, of screening and of the audit log needs a person at `now` (aware). Nothing where there is
    no treasury."""
    with db.connect() as connection:
        platform = platform_state(connection)
        if platform is None:
            return []
        counts, unsigned = counted_states(connection, OPEN, _PREPARED), anchors_to_sign(connection)
    counts["prepared"] = counts.get("prepared", 0) - unsigned
    found: list[Need] = []
    if platform.state == "paused":
        found.append(Need("treasury", f"the treasury is paused: {platform.reason}", "/treasury/signers"))
    found += [
        Need(
            "proposals",
            f"1 proposal {one}" if counts[state] == 1 else f"{counts[state]:,} proposals {several}",
            f"/treasury?state={state}",
        )
        for state, (one, several) in _WAITS.items()
        if counts.get(state)
    ]
    if unsigned:
        said = "1 anchor waits" if unsigned == 1 else f"{unsigned:,} anchors wait"
        found.append(Need("log", f"{said} for the key that signs anchors", "/treasury/queue"))
    found += [Need("lists", problem, "/screening") for problem in list_problems(standings(settings, db))]
    return found + _of_log(settings, db, now)


def _of_log(settings: Settings, db: Database, now: datetime) -> list[Need]:
    """Anchors that failed, and events that no ledger holds although an anchor was due since."""
    with db.connect() as connection:
        size = log_size(connection)
    if not size:
        return []
    log = status_of(settings, db)
    held = max(log.anchored.values(), default=0)
    found = [
        Need("log", f"the anchor of {row.size:,} events failed: {row.error}", "/audit")
        for row in log.anchoring
        if row.state == "failed"
    ]
    with db.connect() as connection:
        since = logged_at(connection, held)
    if since is not None and now - since > _every(settings) + _GRACE:
        what = f"the last {size - held:,} events of the audit log" if held else "the audit log"
        found.append(Need("log", f"no ledger holds {what}, since {since:%Y-%m-%d %H:%M} UTC", "/audit"))
    return found


def _every(settings: Settings) -> timedelta:
    """How long after an anchor the next one is due."""
    with suppress(FntxError):  # a configuration that cannot be read is said where it is needed
        if settings.treasury.config is not None:
            return timedelta(seconds=configured(settings).anchor_every_s)
    return timedelta(seconds=settings.audit.anchor_every)
