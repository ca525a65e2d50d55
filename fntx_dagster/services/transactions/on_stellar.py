"""The treasury's transactions on Stellar: what they need, whether a payment would arrive, sending, the end."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.stellar.building import build
from fntx_dagster.adapters.stellar.costs import fee
from fntx_dagster.adapters.stellar.horizon import Horizon, open_horizon
from fntx_dagster.adapters.stellar.states import (
    Meaning,
    StellarAccountState,
    StellarLastLedger,
    StellarTransactionState,
)
from fntx_dagster.adapters.stellar.submitting import another_used_its_sequence, outcome_of, submit_without_waiting
from fntx_dagster.errors import Transient
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.account_setup.plans import AccountPlan, stellar_plan, stellar_signers_plan
from fntx_dagster.services.transactions.ledgers import (
    HeldEscrow,
    LedgerAnswer,
    LedgerEnd,
    LedgerPayment,
    LedgerTerms,
    UnsignedBytes,
    most_signing,
    operations_of,
    ours,
)
from fntx_dagster.services.transactions.plausible import require_possible_ledger, require_possible_step
from fntx_dagster.services.transactions.stellar_checks import StellarChecks
from fntx_dagster.settings import Settings
from fntx_dagster.store.treasury.transactions import LedgerTxRow

SECONDS_TO_WAIT = 72 * 3600
_LOW = ("trustline.flags",)
_HIGH = ("signer", "low", "med", "high", "master_weight")
"""Parameters of `account.options` that need the high threshold."""


@contextmanager
def on_stellar(settings: Settings, config: TreasuryConfig, url: str) -> Iterator[StellarTreasury]:
    """The network behind a Horizon. Raises Permanent for one of another network, Transient where it does not answer."""
    with open_horizon(url, config.passphrase) as horizon:
        yield StellarTreasury(horizon, config, settings.treasury.stellar_fee_cap)


class StellarTreasury:
    """Stellar as the treasury uses it."""

    def __init__(self, horizon: Horizon, config: TreasuryConfig, fee_cap: int) -> None:
        self._horizon, self._config, self._fee_cap = horizon, config, fee_cap

    def terms(
        self, payload: dict[str, Any], least: int, earlier: Sequence[dict[str, Any]] = (), key: str | None = None
    ) -> LedgerTerms:
        intent = payload["intent"]
        last = self._last()
        account = self._account(intent["account"])
        signers, needed = self._signing(account, intent, least) if key is None else _alone(key, account)
        # a simulated network's clock, and one that is late, may be ahead of ours
        ends_at = int(max(time.time(), last.closed_at.timestamp())) + SECONDS_TO_WAIT
        most = most_signing(signers, needed)
        bid = self._horizon.fee(self._fee_cap)
        terms = LedgerTerms(last.sequence, account.sequence + 1, [], bid, ends_at, signers, needed, most)
        fee = self.build(payload, terms, terms.sequence, None).fee
        StellarChecks(self._horizon, account, last, fee).require(operations_of(intent))
        return terms

    def build(self, payload: dict[str, Any], terms: LedgerTerms, sequence: int, ticket: int | None) -> UnsignedBytes:
        bounds = {"min": 0, "max": terms.ends_at}
        spec = prepared(payload, {"sequence": sequence - 1, "base_fee": terms.base_fee, "time_bounds": bounds})
        xdr = build(spec).unsigned_xdr
        return UnsignedBytes(xdr, b64decode(xdr), fee(terms.base_fee, len(spec["operations"])))

    def signs_for(self, key: str, accounts: Iterable[str]) -> list[str]:
        states = [state for each in accounts if (state := self._horizon.account(each)) is not None]
        return [each.address for each in states if _weight(key, each)]

    def send(self, row: LedgerTxRow) -> LedgerAnswer:
        answer = submit_without_waiting(self._horizon, row.signed or "")
        failed = f" (operation {answer.failed.place}: {answer.failed.code})" if answer.failed else ""
        return LedgerAnswer(f"{answer.code}{failed}: {answer.meaning.value}", answer.meaning is Meaning.REFUSED)

    def end_of(self, row: LedgerTxRow) -> LedgerEnd:
        digest, sequence = row.hash or "", row.sequence or 0
        outcome = outcome_of(self._horizon, digest, row.ends_at, row.prepared_ledger)
        if outcome.state == "unknown":
            if another_used_its_sequence(self._horizon, digest, row.account, sequence, row.prepared_ledger):
                return LedgerEnd("superseded", "another transaction used its sequence")
            return LedgerEnd("unknown", outcome.reason)
        failed = f", operation {outcome.failed.place}: {outcome.failed.code}" if outcome.failed else ""
        return LedgerEnd(outcome.state, f"{outcome.code}{failed}", outcome.ledger)

    def lapsed(self, row: LedgerTxRow) -> bool:
        closed = int(self._last().closed_at.timestamp())
        if closed > row.ends_at:
            require_possible_step("stellar", row.ends_at - SECONDS_TO_WAIT, row.prepared_at, closed, "time")
        return closed > row.ends_at

    def turn_is_used(self, row: LedgerTxRow) -> bool:
        account = self._horizon.account(row.account)
        return account is not None and row.sequence is not None and account.sequence >= row.sequence

    def head(self) -> int:
        return self._last().sequence

    def closed_at(self) -> datetime:
        return self._last().closed_at

    def payment(self, digest: str) -> LedgerPayment | None:
        found = self._horizon.transaction(digest)
        paid = [] if found is None or not found.successful else self._paid(found)
        return paid[0] if len(paid) == 1 else None  # whose payment a transaction with several is, nobody can say

    def invoiced(self, account: str, since: int) -> dict[str, list[LedgerPayment]]:
        if self._horizon.check_network() > max(since, 1):
            raise Transient(f"Horizon has no ledgers from {since} on", "Name one with the whole history")
        found: dict[str, list[LedgerPayment]] = {}
        for each in self._horizon.transactions_of(account, str(since << 32)):
            if not each.successful or each.source != account or each.memo is None:
                continue
            if paid := [own for own in self._paid(each) if own.source == account]:
                found.setdefault(each.memo.hex(), []).extend(paid)
        return found

    def _paid(self, tx: StellarTransactionState) -> list[LedgerPayment]:
        """The payments of a transaction."""
        invoice = None if tx.memo is None else tx.memo.hex()
        return [
            LedgerPayment(tx.outer, tx.ledger, tx.created_at, *each, invoice)
            for each in self._horizon.payments_in(tx.hash)
        ]

    def supply(self, code: str, issuer: str) -> tuple[Decimal, Decimal]:
        return self._horizon.supply(code, issuer).total, Decimal(0)

    def holdings(self, code: str, issuer: str) -> dict[str, Decimal]:
        return self._horizon.holdings(code, issuer)

    def escrow(self, owner: str, sequence: int) -> HeldEscrow:
        raise TransactionRefused("no_escrow", f"Stellar has no escrow {sequence} of {owner}: it has none at all")

    def plan(self, config: TreasuryConfig, role: str, named: Collection[str]) -> AccountPlan:
        return stellar_plan(config, role, self._horizon.account(config.stellar_accounts[role]), named)

    def signers_plan(self, config: TreasuryConfig, address: str, named: Collection[str]) -> list[dict[str, Any]]:
        return stellar_signers_plan(config, self._account(address), named)

    def _signing(self, account: StellarAccountState, intent: dict[str, Any], least: int) -> tuple[dict[str, int], int]:
        """Who signs for an account with which weights, and what these must come to: its own key alone where its signers
        are not set yet, and what is done sets it up."""
        threshold = max(1, *(_threshold(each, account) for each in operations_of(intent)))
        needed, configured = max(threshold, least), {each.stellar for each in self._config.signers}
        try:
            return ours({**account.signers}, configured, needed, account.address), needed
        except TransactionRefused:
            is_setup = all(each["op"] == "account.options" for each in operations_of(intent))
            if is_setup and account.thresholds.master >= threshold:
                return {account.address: account.thresholds.master}, threshold
            raise

    def _last(self) -> StellarLastLedger:
        last = self._horizon.last_ledger()
        require_possible_ledger("stellar", last.sequence, last.closed_at)
        return last

    def _account(self, address: str) -> StellarAccountState:
        account = self._horizon.account(address)
        if account is None:
            raise TransactionRefused("no_account", f"the ledger has no account {address}")
        return account


def _alone(key: str, account: StellarAccountState) -> tuple[dict[str, int], int]:
    """The same for an operation of the medium threshold that one key signs. Refused where it weighs too little."""
    needed = max(account.thresholds.med, 1)
    if (weight := _weight(key, account)) < needed:
        raise TransactionRefused("other_key", f"{key} is not a key that signs for {account.address} by itself")
    return {key: weight}, needed


def _weight(key: str, account: StellarAccountState) -> int:
    """What a key's signature weighs for an account, whose own key is among its signers by its address."""
    return account.thresholds.master if key == account.address else account.signers.get(key, 0)


def _threshold(operation: dict[str, Any], account: StellarAccountState) -> int:
    """What the signatures of an operation must weigh."""
    if operation["op"] in _LOW:
        return account.thresholds.low
    is_high = operation["op"] == "account.options" and any(name in operation["params"] for name in _HIGH)
    return account.thresholds.high if is_high else account.thresholds.med
