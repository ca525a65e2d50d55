"""The treasury for Dagster: the audit log signed and looked at, what is due on ledgers, sanctions lists, what ended.

Nothing here decides, signs a transaction of a ledger, or reads a key other than those of the log, which move nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.account_setup.rotating import finish_rotation
from fntx_dagster.services.anchoring.everywhere import anchor_everywhere, configured_ledgers
from fntx_dagster.services.auditing.anchors_due import queue_due
from fntx_dagster.services.auditing.checkpointing import make_checkpoint
from fntx_dagster.services.auditing.looking import look_at_everything
from fntx_dagster.services.bonds.effects import left_waiting
from fntx_dagster.services.escrows.attending import ON_LEDGER, WatchedEscrows, watch_escrows
from fntx_dagster.services.governance.ending import expire
from fntx_dagster.services.governance.screening import alerted_parties, undecided_matches
from fntx_dagster.services.screening.following_lists import load_changed, screen_outdated
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.audit_log import log_size
from fntx_dagster.store.treasury.escrows import escrows
from fntx_dagster.store.treasury.proposals import expired_ids
from fntx_dagster.store.treasury.transactions import OPEN_STATES, transactions

NOT_CONFIGURED = "No treasury is in the settings: FNTX_TREASURY_CONFIG names its file."


_SERVERS = {"xrpl": "FNTX_XRPL_URL", "stellar": "FNTX_HORIZON_URL"}
_NEXT = {
    "pending_approval": "Signers decide on it: `fntx treasury show ID --sign`",
    "approved": "`fntx treasury export ID` writes it for its signers",
    "prepared": "Its signers sign what `fntx treasury export ID` writes",
    "signing": "`fntx treasury import` takes the missing signatures",
    "ready": "`fntx treasury submit ID` sends it",
}
"""What comes next of an anchor, by the state of its proposal."""


class SignedLog(NamedTuple):
    """The audit log as it was signed: events, root in hex, the time of the signature, and whether it is new."""

    size: int
    root: str
    signed_at: datetime
    is_new: bool


class EvmPayload(NamedTuple):
    """What waits for the EVM chain: the sizes and roots (hex) that are queued, whether one of them was queued now, when
    the next is due (aware), and what a person has to do, empty where nothing."""

    queued: list[tuple[str, ...]]
    is_new: bool
    due_at: datetime | None
    to_do: str


class LedgerPayload(NamedTuple):
    """Where the newest anchor of the log on the XRP Ledger or on Stellar stands: how many events, the state of its
    proposal, its id, whether it was made now; when the next is due (aware); what comes next, or why nothing does."""

    size: int | None
    state: str | None
    proposal: str | None
    is_new: bool
    due_at: datetime | None
    to_do: str


class LoadedFiles(NamedTuple):
    """A row for each list in the settings (list, entities, names, date, version, what became of its file), how many
    were loaded, and the files that were refused."""

    rows: list[tuple[str, ...]]
    loaded: int
    refused: list[Finding]


class ScreenedParties(NamedTuple):
    """How many parties were screened again, the proposals that moved (id, kind, state), and the parties with a match
    that nobody decided on: of all that were screened, or of those that an alert is about; None without a treasury."""

    screened: int
    moved: list[tuple[str, ...]]
    matches: list[Finding] | None


class AttendedTreasury(NamedTuple):
    """The proposals that expired, of each open transaction (proposal, state, words) what its ledger said, and what
    became of a rotation whose transactions are at their end, empty where there is none."""

    expired: list[str]
    asked: list[tuple[str, ...]]
    rotation: str


def is_configured(settings: Settings) -> bool:
    """Whether there is a treasury."""
    return settings.treasury.config is not None


def sign_log(settings: Settings, db: Database, now: datetime) -> SignedLog | None:
    """Sign the audit log as it is at `now` (aware); None where it has no event, or there is no treasury. Permanent,
    with an alert, where it does not go on from what was signed."""
    with db.connect() as connection:
        if not is_configured(settings) or not log_size(connection):
            return None
    made = make_checkpoint(settings, db, now)
    signed = made.checkpoint
    return SignedLog(signed.size, signed.root.hex(), signed.time, made.is_new)


def queue_for_evm(settings: Settings, db: Database, now: datetime) -> EvmPayload:
    """Queue what is due for the EVM chain; without a key, and without a node."""
    if not is_configured(settings):
        return EvmPayload([], is_new=False, due_at=None, to_do=NOT_CONFIGURED)
    queued = queue_due(settings, db, now)
    to_do = "" if not queued.waiting else "`fntx audit anchor --if-due` signs and sends what is queued"
    if queued.way is None:
        to_do = "Nothing was ever anchored on an EVM chain: `fntx audit anchor` makes the first"
    rows = [(f"{row.size}", row.root.hex(), row.state, f"{row.chain_id}", row.contract) for row in queued.waiting]
    return EvmPayload(rows, queued.is_new, queued.due_at, to_do)


def anchor_on(settings: Settings, db: Database, ledger: str, now: datetime) -> LedgerPayload:
    """Make what is due on `xrpl` or `stellar`: a proposal, or under a standing approval the unsigned transaction. What
    the ledger raises is in the answer, and what a person has to change is an alert."""
    if not is_configured(settings):
        return LedgerPayload(None, None, None, is_new=False, due_at=None, to_do=NOT_CONFIGURED)
    if ledger not in configured_ledgers(settings):
        return LedgerPayload(None, None, None, is_new=False, due_at=None, to_do=f"{_SERVERS[ledger]} names no server")
    [done] = anchor_everywhere(settings, db, now, if_due=True, ledgers=[ledger]).ledgers
    to_do = _NEXT.get(done.state or "", "")
    if done.state == "prepared" and done.standing is not None:
        to_do = "`fntx treasury sign-anchors` signs and sends it, where the anchor key is"
    proposal = None if done.proposal_id is None else str(done.proposal_id)
    return LedgerPayload(done.size, done.state, proposal, done.is_new, done.due_at, done.problem or to_do)


def log_problems(settings: Settings, db: Database) -> tuple[int, list[Finding]]:
    """How many events the log has, and what a look at every row found."""
    looked = look_at_everything(settings, db)
    return looked.events, [Finding(f"log {number}", problem) for number, problem in enumerate(looked.problems)]


def load_lists(settings: Settings, db: Database) -> LoadedFiles:
    """Load the files of sanctions lists that have changed."""
    if not is_configured(settings):
        return LoadedFiles([], 0, [])
    followed = load_changed(settings, db)
    rows = [
        (
            each.version.list_name,
            f"{each.version.entities}",
            f"{each.version.names}",
            f"{each.version.dated_at:%Y-%m-%d %H:%M}",
            each.version.version[:16],
            "new" if each.changed else "the same bytes, newer",
        )
        for each in followed.loaded
    ]
    rows += [(name, "", "", "", "", "as it was") for name in followed.kept]
    rows += [(finding.subject, "", "", "", "", "refused") for finding in followed.refused]
    return LoadedFiles(sorted(rows), len(followed.loaded), followed.refused)


def rescreen_parties(settings: Settings, db: Database) -> ScreenedParties:
    """Screen whoever was last checked against other versions of the lists, and the proposals that are not prepared."""
    if not is_configured(settings):
        return ScreenedParties(0, [], None)
    followed = screen_outdated(settings, db)
    moved = [(str(row.proposal_id), row.kind, row.state) for row in followed.moved]
    if followed.rescreened is None:
        return ScreenedParties(0, moved, undecided_matches(db, alerted_parties(db)))
    verdicts = followed.rescreened.answer.verdicts
    return ScreenedParties(len(verdicts), moved, undecided_matches(db, [verdict.party_id for verdict in verdicts]))


def overdue_proposals(db: Database, now: datetime) -> int:
    """How many proposals are past their end and wait for people, and bonds whose approval cannot come any more."""
    with db.connect() as connection:
        overdue = expired_ids(connection, now, [name for name, kind in KINDS.items() if kind.ops])
        return len(overdue) + len(left_waiting(connection, now))


def open_transactions(db: Database) -> dict[str, int]:
    """State → how many transactions are in it whose end is not known."""
    with db.connect() as connection:
        states = [row.state for row in transactions(connection, OPEN_STATES)]
    return {state: states.count(state) for state in OPEN_STATES if state in states}


def escrows_on_ledger(db: Database) -> int:
    """How many escrows a ledger holds."""
    with db.connect() as connection:
        return len(escrows(connection, ON_LEDGER))


def look_at_escrows(settings: Settings, db: Database) -> WatchedEscrows:
    """Raise the alerts of escrows that end soon, by the ledger's time. Permanent without a configuration."""
    if not is_configured(settings):
        raise Permanent("there is no treasury", "Set FNTX_TREASURY_CONFIG to its file")
    return watch_escrows(settings, db)


def attend(settings: Settings, db: Database, now: datetime) -> AttendedTreasury:
    """End the proposals that are past their end, and ask the ledgers what became of open transactions: what is in a
    ledger is confirmed, what can get into none any more lapses, and signed bytes that were lost are sent again. A
    server that does not answer says so in the words. A rotation takes effect with its last transaction. Permanent
    without a configuration."""
    if not is_configured(settings):
        raise Permanent("there is no treasury", "Set FNTX_TREASURY_CONFIG to its file")
    expired = [str(proposal_id) for proposal_id in expire(settings, db, now)]
    asked = [(str(each.proposal_id), each.state, each.words) for each in confirm(settings, db)]
    return AttendedTreasury(expired, asked, _finished_rotation(settings, db, now))


def _finished_rotation(settings: Settings, db: Database, now: datetime) -> str:
    try:
        version = finish_rotation(settings, db, now)
    except FntxError as error:
        return f"The rotation could not take effect yet: {error.message}."
    return "" if version is None else f"Every account has the new signers: version {version} of the set decides now."
