"""What both ledgers are asked in the same words: what a transaction needs, sending it, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.account_setup.plans import AccountPlan
from fntx_dagster.store.treasury.transactions import LedgerTxRow


class LedgerTerms(NamedTuple):
    """What an account's next transaction needs. `head`: the last validated ledger; `sequence`: the account's next;
    `tickets`: those that stand for one; `ends_at`: its last ledger, or seconds since 1970; `signers`: address → weight;
    `most_signers`: how many of them sign at most."""

    head: int
    sequence: int
    tickets: list[int]
    base_fee: int
    ends_at: int
    signers: dict[str, int]
    needed: int
    most_signers: int


class UnsignedBytes(NamedTuple):
    """A transaction that nobody has signed: its bytes as they are written, the bytes, and the fee in drops or
    stroops."""

    text: str
    content: bytes
    fee: int


class LedgerAnswer(NamedTuple):
    """What a server answered to a submission, in a line. `never`: the ledger will never take these bytes."""

    words: str
    never: bool


class LedgerEnd(NamedTuple):
    """What became of a transaction. `superseded`: another one used its sequence or its ticket, so it never gets into a
    ledger. `code`: the ledger's, or why nothing is known."""

    state: Literal["confirmed", "failed", "expired", "superseded", "unknown"]
    code: str = ""
    ledger: int | None = None


class HeldEscrow(NamedTuple):
    """An escrow as its ledger holds it: who is paid when it is finished, and how much: drops as text, or the token's
    code as people write it, its issuer and the value."""

    owner: str
    destination: str
    amount: str | dict[str, str]


class LedgerPayment(NamedTuple):
    """A payment that a validated ledger holds, and that arrived. `hash` in lower-case hex; `amount` in units of the
    asset, of which `code` and `issuer` are empty for the ledger's own coin; `invoice`: of the XRP Ledger the InvoiceID,
    of Stellar the memo's hash, in lower-case hex, or None."""

    hash: str
    ledger: int
    closed_at: datetime
    source: str
    destination: str
    code: str
    issuer: str
    amount: Decimal
    invoice: str | None


class TreasuryLedger(Protocol):
    """A ledger of the treasury, once its server has shown that it is of the configured network."""

    def terms(
        self, payload: dict[str, Any], least: int, earlier: Sequence[dict[str, Any]] = (), key: str | None = None
    ) -> LedgerTerms:
        """What the transaction of an intent needs now; at least `least` weights sign it. `earlier`: the intents of the
        account whose transactions are under way, and come first. With `key`, the key of that address signs it alone:
        refused as other_key where it cannot. Refused where it would fail although it costs its fee: without a line,
        above its limit, not authorised, frozen."""
        ...

    def build(self, payload: dict[str, Any], terms: LedgerTerms, sequence: int, ticket: int | None) -> UnsignedBytes:
        """The transaction of an intent."""
        ...

    def signs_for(self, key: str, accounts: Iterable[str]) -> list[str]:
        """For which of these accounts a key signs, alone or in a list; one that is not there is left out."""
        ...

    def send(self, row: LedgerTxRow) -> LedgerAnswer:
        """Send the saved bytes. It raises nothing for what a server does."""
        ...

    def end_of(self, row: LedgerTxRow) -> LedgerEnd:
        """What became of a transaction that is signed. Raises Transient where the server does not answer."""
        ...

    def lapsed(self, row: LedgerTxRow) -> bool:
        """Whether a transaction that is not signed can get into no later ledger."""
        ...

    def turn_is_used(self, row: LedgerTxRow) -> bool:
        """Whether the sequence or the ticket of a transaction that is not signed is used already."""
        ...

    def head(self) -> int:
        """The last validated ledger."""
        ...

    def closed_at(self) -> datetime:
        """The close time of the last validated ledger, aware: the ledger's own, which escrows compare with."""
        ...

    def payment(self, digest: str) -> LedgerPayment | None:
        """A payment by the hash of its transaction; None where no validated ledger holds one, or it did not arrive."""
        ...

    def invoiced(self, account: str, since: int) -> dict[str, list[LedgerPayment]]:
        """Invoice → every payment of an account with it, in the validated ledgers from `since` on, the oldest first:
        nothing on a ledger keeps an invoice to one payment, nor a transaction of Stellar. Raises Transient where the
        server's history begins later."""
        ...

    def supply(self, code: str, issuer: str) -> tuple[Decimal, Decimal]:
        """How much of an issuer's token is out, and how much of it stands in escrows."""
        ...

    def holdings(self, code: str, issuer: str) -> dict[str, Decimal]:
        """Address → how much of an issuer's token it has, above 0; without what stands in escrows or in pools."""
        ...

    def escrow(self, owner: str, sequence: int) -> HeldEscrow:
        """The escrow that a finish or a cancellation names. Refused as no_escrow where the ledger holds none."""
        ...

    def plan(self, config: TreasuryConfig, role: str, named: Collection[str]) -> AccountPlan:
        """What an account of ours lacks to be what a configuration says. `named`: the keys that standing approvals let
        sign alone for it."""
        ...

    def signers_plan(self, config: TreasuryConfig, address: str, named: Collection[str]) -> list[dict[str, Any]]:
        """What an account lacks so that a configuration's signers, and nobody else but the keys `named`, sign for
        it."""
        ...


def operations_of(intent: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations of an intent, each with `op` and `params`: of a batch those that are applied together."""
    return intent["params"]["operations"] if intent["op"] == "batch" else [intent]


def ours(weights: dict[str, int], configured: set[str], needed: int, account: str) -> dict[str, int]:
    """The configured signers of an account with their weights, who have to suffice. Refused where they do not."""
    known = {address: weight for address, weight in weights.items() if address in configured and weight > 0}
    if sum(known.values()) < needed:
        raise TransactionRefused(
            "other_signers",
            f"the signers of {account} on the ledger are not those of the configuration, or too few: they weigh "
            f"{sum(known.values())} of {needed}",
        )
    return known


def most_signing(weights: dict[str, int], needed: int) -> int:
    """How many signers are taken at most until their weights come to `needed`: the lightest first."""
    total = 0
    for count, weight in enumerate(sorted(weights.values()), 1):
        total += weight
        if total >= needed:
            return count
    return len(weights)
