"""What the HTTP API answers of the treasury and of compliance: the types of its OpenAPI document and of the client.

Amounts are decimals as text, moments in UTC. Keys and signatures are public data; no answer holds a private key.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

TreasuryRow = dict[str, Any]


class ProposalAnswer(TypedDict):
    """A proposal: its terms, what it does in sentences, who decided, and the exact bytes that a signer signs."""

    instance: str
    proposal: str
    kind: str
    nonce: int
    payload_hash: str
    signer_set: int
    threshold: int
    expires_at: str
    state: str
    reason: str
    held: str
    payload: Any
    parties: list[str]
    required_roles: list[str]
    proposed_by: str
    created_at: str
    approvals: list[str]
    rejections: list[str]
    decisions: list[TreasuryRow]
    sentences: list[str]
    to_sign: dict[str, dict[str, str]]


class ProposalsAnswer(TypedDict):
    """Proposals, newest first; `next`: ask `before` that nonce for the rest, null where this is all."""

    proposals: list[ProposalAnswer]
    next: int | None


class SignersAnswer(TypedDict):
    """Whether the treasury is paused (null before the first signers), and every version of the signer set, newest
    first."""

    platform: TreasuryRow | None
    signer_sets: list[TreasuryRow]


class MachinesAnswer(TypedDict):
    """Every step of each table: state, event, next, guard, and how many have to approve it."""

    bond: list[TreasuryRow]
    escrow: list[TreasuryRow]
    proposal: list[TreasuryRow]
    ledger_tx: list[TreasuryRow]


class QueuedAnswer(TypedDict):
    """A transaction that is not at its end, or an approved proposal that has none yet: then `ledger` and what follows
    it are null. `next`: the command that goes on; `ends`: the last ledger or time that takes the bytes."""

    proposal_id: str
    kind: str
    state: str
    next: str
    ledger: str | None
    account: str | None
    sequence: int | None
    ticket: int | None
    fee: str | None
    ends: str | None
    hash: str | None
    signed_by: list[str]
    missing: list[str]
    answer: str
    held: str
    step: str
    role: str


class StandingEndAnswer(TypedDict):
    """The standing approval of a proposal, which is `ended`, and the key that signed under it."""

    proposal_id: str
    state: str
    key: str


class QueueAnswer(TypedDict):
    """What is approved and not yet at its end, the oldest transaction first."""

    queue: list[QueuedAnswer]


class SigningAnswer(TypedDict):
    """A file `fntx-signing/1`: further keys are the ledger's own, as `unsigned_blob` and `tx_json`, or `unsigned_xdr`
    and `hash`. `signers`: what each signs, `payload` in hex."""

    format: str
    ledger: str
    network_id: int | str
    sha256: str
    sentences: list[str]
    fee: str
    ends_about: str
    signers: list[TreasuryRow]
    intent: TreasuryRow
    intent_hash: str


class SignaturesAnswer(TypedDict):
    """Whose signatures were added, the state of the transaction then, and the weight that it still needs."""

    proposal_id: str
    signers: list[str]
    state: str
    missing: int


class SettledAnswer(TypedDict):
    """Where a transaction stands. `words`: the server's or the ledger's code, or why nothing is known; `ledger`: the
    one that holds it."""

    proposal_id: str
    state: str
    words: str
    ledger: int | None
    hash: str | None


class ScreenAnswer(TypedDict):
    """`decision`: the gravest of all, `hit`, `refused` (a case that cannot be read), `stale` or `cleared`. `problems`:
    what is wrong with the lists. `parties`: of each id its check; `results`: of each case what the calculator says."""

    decision: str
    problems: list[str]
    parties: list[TreasuryRow]
    results: list[TreasuryRow]


class ListsAnswer(TypedDict):
    """The lists that count; `can_clear`: each is loaded and not too old."""

    can_clear: bool
    lists: list[TreasuryRow]


class ScreeningAnswer(TypedDict):
    """A check of a party as it was kept."""

    screening_id: int
    party_id: str
    details_hash: str
    cause: str
    algorithm: str
    threshold: float
    lists: list[TreasuryRow]
    status: str
    decision: str
    list_name: str | None
    entity_id: str | None
    score: float | None
    matches: list[TreasuryRow]
    dispositions: list[int]
    screened_by: str
    screened_at: str


class DispositionBytesAnswer(TypedDict):
    """What a signer of the role compliance signs, in hex."""

    screening_id: int
    hex: str


class DispositionAnswer(TypedDict):
    """What was recorded: a number for each match, and proposal → state of those that went on."""

    screening_id: int
    verdict: str
    dispositions: list[int]
    proposals: dict[str, str]


class ReconciliationRow(TypedDict):
    """A reconciliation and what it came to: CLEAN, DISCREPANCIES_FOUND or ERROR. Ledgers are null where none was
    read."""

    run_no: int
    ran_at: str
    scope: str
    network: str
    xrpl_ledger: int | None
    stellar_ledger: int | None
    matched: int
    mismatched: int
    pending: int
    errors: int
    overall_status: str
    report_hash: str
    audit_seq: int
    ran_by: str


class ReconciliationsAnswer(TypedDict):
    """The newest reconciliations, the newest first."""

    reconciliations: list[ReconciliationRow]


class ReconciliationAnswer(TypedDict):
    """The report of a reconciliation. `attestation`: SHA-256 of the canonical JSON of the rest, and the event of the
    audit log that holds it."""

    metadata: TreasuryRow
    summary: TreasuryRow
    items: list[TreasuryRow]
    attestation: TreasuryRow


class DeskAnswer(TypedDict):
    """The desk on the XRP Ledger; `desk` is null before people approved that it trades. `events`: the newest first."""

    account: str
    desk: TreasuryRow | None
    events: list[TreasuryRow]
    strategies: list[TreasuryRow]


class DryRunAnswer(TypedDict):
    """What a strategy would do: its slices, and the unsigned transaction of each. Nothing is kept of it."""

    slices: list[TreasuryRow]
    transactions: list[TreasuryRow]


class StrategyAnswer(TypedDict):
    """A strategy. `committed`: what was traded, and what offers may still trade."""

    strategy_id: str
    strategy: str
    state: str
    reason: str
    side: str
    base: TreasuryRow
    quote: TreasuryRow
    quantity: str
    filled: str
    committed: str
    average_price: str | None
    limit_price: str | None
    start: str
    end: str
    batch: int
    profile: str | None
    started_by: str
    slices: list[TreasuryRow]
