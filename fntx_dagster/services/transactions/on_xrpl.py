"""The treasury's transactions on the XRP Ledger: what they need, whether a payment would arrive, sending, the end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.xrpl.accounts import XrplAccount, account_lines, account_state, free_tickets, issuance
from fntx_dagster.adapters.xrpl.amounts import code_of
from fntx_dagster.adapters.xrpl.building import build
from fntx_dagster.adapters.xrpl.codec import decoded
from fntx_dagster.adapters.xrpl.network import (
    XrplLedgerHead,
    base_fee_to_take,
    check_network,
    fees,
    validated_ledger,
)
from fntx_dagster.adapters.xrpl.outcomes import XrplEnd, another_used_its_turn, outcome_of, undone_by
from fntx_dagster.adapters.xrpl.payments import XrplPaid, invoiced, payment
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.adapters.xrpl.submitting import XrplNextStep, submit
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.account_setup.plans import AccountPlan, xrpl_plan, xrpl_signers_plan
from fntx_dagster.services.transactions.ledgers import (
    HeldEscrow,
    LedgerAnswer,
    LedgerEnd,
    LedgerPayment,
    LedgerTerms,
    UnsignedBytes,
    most_signing,
    ours,
)
from fntx_dagster.services.transactions.plausible import require_possible_ledger, require_possible_step
from fntx_dagster.services.transactions.xrpl_checks import XrplChecks
from fntx_dagster.services.transactions.xrpl_escrow_checks import EscrowChecks, held_escrow
from fntx_dagster.settings import Settings
from fntx_dagster.store.treasury.transactions import LedgerTxRow

LEDGERS_TO_WAIT = 74_000
"""About 72 hours: a transaction waits so long for its signers."""
_LEDGERS_BEYOND = 20
_CONNECT, _ANSWER = 3, 10
"""Seconds. A pause waits for a submission that has begun."""


def on_xrpl(settings: Settings, config: TreasuryConfig, url: str) -> XrplTreasury:
    """The ledger behind a server. Raises Permanent for one of another network, Transient where it does not answer."""
    rpc = XrplRpc(url, _CONNECT, _ANSWER)
    check_network(rpc, config.network_id)
    return XrplTreasury(rpc, config, settings.treasury.xrpl_fee_cap)


class XrplTreasury:
    """The XRP Ledger as the treasury uses it."""

    def __init__(self, rpc: XrplRpc, config: TreasuryConfig, fee_cap: int) -> None:
        self._rpc, self._config, self._fee_cap = rpc, config, fee_cap
        self._highest = 0
        """The last ledger that an answer named: behind one address may be servers of which some lag."""

    def terms(
        self, payload: dict[str, Any], least: int, earlier: Sequence[dict[str, Any]] = (), key: str | None = None
    ) -> LedgerTerms:
        intent = payload["intent"]
        address = intent["account"]
        head = self.head()
        account = self.account(address, head)
        signers, needed, most = self._signing(account, intent, least) if key is None else _alone(key, account)
        fulfillment = intent["params"].get("fulfillment")
        size = len(fulfillment) // 2 if isinstance(fulfillment, str) else None
        base = base_fee_to_take(fees(self._rpc), most, size, self._fee_cap)
        tickets = free_tickets(self._rpc, address, head)
        ends_at = head + self._ledgers_to_wait(intent)
        terms = LedgerTerms(head, account.sequence, tickets, base, ends_at, signers, needed, most)
        tx = decoded(self.build(payload, terms, account.sequence, None).text)
        checks = XrplChecks(self._rpc, account, head, earlier)
        checks.require(tx)
        EscrowChecks(self._rpc, checks, head).require(tx)
        return terms

    def build(self, payload: dict[str, Any], terms: LedgerTerms, sequence: int, ticket: int | None) -> UnsignedBytes:
        turn = {"sequence": sequence} if ticket is None else {"ticket": ticket}
        fills = {"base_fee": terms.base_fee, "signers": terms.most_signers, "last_ledger_sequence": terms.ends_at}
        unsigned = build(prepared(payload, fills | turn), self._fee_cap)
        blob = unsigned.unsigned_blob
        return UnsignedBytes(blob, bytes.fromhex(blob), int(unsigned.tx_json["Fee"]))

    def signs_for(self, key: str, accounts: Iterable[str]) -> list[str]:
        head = self.head()
        states = [state for each in accounts if (state := account_state(self._rpc, each, head)) is not None]
        return [
            each.address
            for each in states
            if _signs_alone(key, each) or (each.signer_list is not None and key in each.signer_list.weights)
        ]

    def send(self, row: LedgerTxRow) -> LedgerAnswer:
        answer = submit(self._rpc, row.signed or "")
        said = answer.words.rstrip(".")
        words = f"{answer.code}: {said}" if answer.code else said
        return LedgerAnswer(words, answer.step is XrplNextStep.FAILED)

    def end_of(self, row: LedgerTxRow) -> LedgerEnd:
        digest = row.hash or ""
        outcome = outcome_of(self._rpc, digest, row.prepared_ledger, row.ends_at)
        if outcome.end is XrplEnd.EXPIRED:
            return LedgerEnd("expired", "no ledger up to its last one holds it")
        if outcome.end is XrplEnd.UNKNOWN:
            turn = (row.sequence, row.ticket)
            used = another_used_its_turn(self._rpc, digest, row.account, *turn, row.prepared_ledger)
            return LedgerEnd("superseded", _USED) if used else LedgerEnd("unknown", outcome.why)
        if not outcome.succeeded:
            return LedgerEnd("failed", outcome.code, outcome.ledger_index)
        if undone := undone_by(decoded(row.unsigned), outcome):
            return LedgerEnd("failed", f"{outcome.code}, but {undone[0]}", outcome.ledger_index)
        return LedgerEnd("confirmed", outcome.code, outcome.ledger_index)

    def lapsed(self, row: LedgerTxRow) -> bool:
        head = self.head()
        if head > row.ends_at:
            require_possible_step("xrpl", row.prepared_ledger, row.prepared_at, head, "height")
        return head > row.ends_at

    def turn_is_used(self, row: LedgerTxRow) -> bool:
        head = self.head()
        if row.ticket is not None:
            return row.ticket not in free_tickets(self._rpc, row.account, head)
        account = account_state(self._rpc, row.account, head)
        return account is not None and row.sequence is not None and account.sequence > row.sequence

    def head(self) -> int:
        return self._last().ledger_index

    def closed_at(self) -> datetime:
        return self._last().closed_at

    def payment(self, digest: str) -> LedgerPayment | None:
        found = payment(self._rpc, digest)
        return None if found is None else _paid(found)

    def invoiced(self, account: str, since: int) -> dict[str, list[LedgerPayment]]:
        found: dict[str, list[LedgerPayment]] = {}
        for each in map(_paid, invoiced(self._rpc, account, since, self._highest)):
            if each.invoice is not None:
                found.setdefault(each.invoice, []).append(each)
        return found

    def supply(self, code: str, issuer: str) -> tuple[Decimal, Decimal]:
        found = issuance(self._rpc, issuer, self.head())
        held, locked = (
            sum((value for currency, value in each.items() if code_of(currency) == code), Decimal(0))
            for each in (found.obligations, found.locked)
        )
        return held + locked, locked

    def holdings(self, code: str, issuer: str) -> dict[str, Decimal]:
        head = self.head()
        if account_state(self._rpc, issuer, head) is None:
            return {}
        lines = account_lines(self._rpc, issuer, head)
        return {line.peer: -line.balance for line in lines if code_of(line.currency) == code and line.balance < 0}

    def escrow(self, owner: str, sequence: int) -> HeldEscrow:
        found = held_escrow(self._rpc, owner, sequence, self.head())
        amount = found.amount
        if isinstance(amount, dict):
            amount = amount | {"currency": code_of(amount["currency"])}
        return HeldEscrow(owner, found.destination, amount)

    def plan(self, config: TreasuryConfig, role: str, named: Collection[str]) -> AccountPlan:
        return xrpl_plan(config, role, account_state(self._rpc, config.xrpl_accounts[role], self.head()), named)

    def signers_plan(self, config: TreasuryConfig, address: str, named: Collection[str]) -> list[dict[str, Any]]:
        return xrpl_signers_plan(config, self.account(address, self.head()), named)

    def _ledgers_to_wait(self, intent: dict[str, Any]) -> int:
        """For how many ledgers a transaction can get into one: an offer that ends soon is of no use long after that,
        and its ticket is free again. There is at most one ledger a second."""
        expiration = intent["params"].get("expiration") if intent["op"] == "offer.create" else None
        if not isinstance(expiration, str):
            return LEDGERS_TO_WAIT
        left = datetime.fromisoformat(expiration) - self.closed_at()
        return min(max(int(left.total_seconds()), 0) + _LEDGERS_BEYOND, LEDGERS_TO_WAIT)

    def _last(self) -> XrplLedgerHead:
        last = validated_ledger(self._rpc)
        require_possible_ledger("xrpl", last.ledger_index, last.closed_at)
        self._highest = max(self._highest, last.ledger_index)
        return last

    def account(self, address: str, head: int) -> XrplAccount:
        """An account that has to be there."""
        account = account_state(self._rpc, address, head)
        if account is None:
            raise TransactionRefused("no_account", f"the ledger has no account {address}")
        return account

    def _signing(self, account: XrplAccount, intent: dict[str, Any], least: int) -> tuple[dict[str, int], int, int]:
        """Who signs for an account with which weights, what these must come to, and for how many the fee is: 0 where
        the account's own key signs alone. It does where nothing else can: before there is a list of signers, and to
        give itself up."""
        is_free = "disable_master" not in account.flags
        by_master = ({account.address: 1}, 1, 0)
        if intent["op"] == "account.flag" and intent["params"].get("set") in _OF_MASTER:
            if is_free:
                return by_master
            raise TransactionRefused("master_disabled", f"only the own key of {account.address} can do this")
        is_setup = is_free and intent["op"] in _SETTING_UP
        if account.signer_list is None:
            if is_setup:
                return by_master
            raise TransactionRefused("no_signers", f"{account.address} has no list of signers on the ledger")
        needed = max(account.signer_list.quorum, least)
        configured = {each.xrpl for each in self._config.signers}
        try:
            signers = ours({**account.signer_list.weights}, configured, needed, account.address)
        except TransactionRefused:
            if is_setup and (intent["op"] == "signers.set" or (intent["op"] == "account.key" and not intent["params"])):
                return by_master
            raise
        return signers, needed, most_signing(signers, needed)


def _paid(found: XrplPaid) -> LedgerPayment:
    delivered = found.delivered
    if isinstance(delivered, str):
        code, issuer, amount = "", "", Decimal(delivered) / _DROPS
    else:
        code, issuer, amount = code_of(delivered["currency"]), delivered["issuer"], Decimal(delivered["value"])
    invoice = None if found.invoice_id is None else found.invoice_id.lower()
    ends = (found.account, found.destination)
    return LedgerPayment(found.hash.lower(), found.ledger_index, found.closed_at, *ends, code, issuer, amount, invoice)


def _alone(key: str, account: XrplAccount) -> tuple[dict[str, int], int, int]:
    """The same for one key, the account's own or its regular key. Refused where it is neither."""
    if not _signs_alone(key, account):
        raise TransactionRefused("other_key", f"{key} is not a key that signs for {account.address} by itself")
    return {key: 1}, 1, 0


def _signs_alone(key: str, account: XrplAccount) -> bool:
    return key == account.regular_key or (key == account.address and "disable_master" not in account.flags)


_DROPS = Decimal(1_000_000)
_SETTING_UP = ("account.flag", "account.key", "signers.set")
_OF_MASTER = ("disable_master", "no_freeze")
"""Flags that no list of signers can set."""
_USED = "another transaction used its sequence or its ticket"
