"""The treasury's transactions on the XRP Ledger: what they need, whether a payment would arrive, sending, the end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.xrpl.accounts import XrplAccount, XrplLine, account_lines, account_state, free_tickets
from fntx_dagster.adapters.xrpl.amounts import code_of
from fntx_dagster.adapters.xrpl.building import build
from fntx_dagster.adapters.xrpl.codec import TxJson, decoded
from fntx_dagster.adapters.xrpl.network import base_fee_to_take, check_network, fees, validated_ledger
from fntx_dagster.adapters.xrpl.outcomes import XrplEnd, another_used_its_turn, outcome_of, undone_by
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.adapters.xrpl.submitting import XrplNextStep, submit
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.transactions.ledgers import (
    LedgerAnswer,
    LedgerEnd,
    LedgerTerms,
    UnsignedBytes,
    most_signing,
    ours,
)
from fntx_dagster.settings import Settings
from fntx_dagster.store.treasury.transactions import LedgerTxRow

LEDGERS_TO_WAIT = 74_000
"""About 72 hours: a transaction waits so long for its signers."""
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

    def terms(self, payload: dict[str, Any], least: int) -> LedgerTerms:
        intent = payload["intent"]
        address = intent["account"]
        head = self.head()
        account = self._account(address, head)
        if account.signer_list is None:
            raise TransactionRefused("no_signers", f"the account {address} has no list of signers on the ledger")
        needed = max(account.signer_list.quorum, least)
        signers = ours({**account.signer_list.weights}, {each.xrpl for each in self._config.signers}, needed, address)
        most = most_signing(signers, needed)
        fulfillment = intent["params"].get("fulfillment")
        size = len(fulfillment) // 2 if isinstance(fulfillment, str) else None
        base = base_fee_to_take(fees(self._rpc), most, size, self._fee_cap)
        tickets = free_tickets(self._rpc, address, head)
        ends_at = head + LEDGERS_TO_WAIT
        terms = LedgerTerms(head, account.sequence, tickets, base, ends_at, signers, needed, most)
        tx = decoded(self.build(payload, terms, account.sequence, None).text)
        if tx["TransactionType"] == "Payment" and isinstance(tx["Amount"], dict):
            self._require_arrival(tx, head)
        return terms

    def build(self, payload: dict[str, Any], terms: LedgerTerms, sequence: int, ticket: int | None) -> UnsignedBytes:
        turn = {"sequence": sequence} if ticket is None else {"ticket": ticket}
        fills = {"base_fee": terms.base_fee, "signers": terms.most_signers, "last_ledger_sequence": terms.ends_at}
        unsigned = build(prepared(payload, fills | turn), self._fee_cap)
        blob = unsigned.unsigned_blob
        return UnsignedBytes(blob, bytes.fromhex(blob), int(unsigned.tx_json["Fee"]))

    def send(self, row: LedgerTxRow) -> LedgerAnswer:
        answer = submit(self._rpc, row.signed or "")
        words = f"{answer.code}: {answer.words}" if answer.code else answer.words
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
        return self.head() > row.ends_at

    def head(self) -> int:
        return validated_ledger(self._rpc).ledger_index

    def _account(self, address: str, head: int) -> XrplAccount:
        account = account_state(self._rpc, address, head)
        if account is None:
            raise TransactionRefused("no_account", f"the ledger has no account {address}")
        return account

    def _require_arrival(self, tx: TxJson, head: int) -> None:
        """Refuse a payment of tokens that would end with a tec, which costs its fee and its sequence."""
        amount, payer, holder = tx["Amount"], tx["Account"], tx["Destination"]
        issuer = self._account(amount["issuer"], head)
        value = Decimal(amount["value"])
        if holder != issuer.address:
            self._account(holder, head)
            line = self._usable_line(holder, issuer, amount["currency"], head)
            if line.balance + value > line.limit:
                raise TransactionRefused(
                    "above_limit",
                    f"the line of {holder} holds {line.balance:f} and takes {line.limit:f} at most: {value:f} more is "
                    "above its limit",
                )
        if payer != issuer.address:
            line = self._usable_line(payer, issuer, amount["currency"], head)
            if line.balance < value:
                raise TransactionRefused("too_little", f"{payer} holds {line.balance:f}, less than {value:f}")

    def _usable_line(self, holder: str, issuer: XrplAccount, currency: str, head: int) -> XrplLine:
        lines = account_lines(self._rpc, holder, head)
        line = next((each for each in lines if (each.peer, each.currency) == (issuer.address, currency)), None)
        code = code_of(currency)
        if line is None:
            raise TransactionRefused("no_line", f"{holder} has no trust line for {code} of {issuer.address}")
        if "require_auth" in issuer.flags and not line.authorized:
            raise TransactionRefused("not_authorized", f"the issuer has not authorised the line of {holder} for {code}")
        if line.frozen or "global_freeze" in issuer.flags:
            raise TransactionRefused("frozen", f"the issuer has frozen the line of {holder} for {code}")
        return line


_USED = "another transaction used its sequence or its ticket"
