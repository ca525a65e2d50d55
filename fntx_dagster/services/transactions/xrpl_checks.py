"""What would fail on the XRP Ledger although it costs its fee and its sequence: refused before anybody signs it.

Each refusal has a code for programs and says what is missing. What holds now may hold no more when the transaction
reaches its ledger; then the ledger says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

from fntx_dagster.adapters.xrpl.accounts import XrplAccount, XrplLine, account_lines, account_state
from fntx_dagster.adapters.xrpl.amounts import code_of
from fntx_dagster.adapters.xrpl.codec import TxJson
from fntx_dagster.adapters.xrpl.costs import reserve, reserve_for_line
from fntx_dagster.adapters.xrpl.network import reserves
from fntx_dagster.adapters.xrpl.operations import ACCOUNT_FLAGS, AUTHORIZE, FREEZE, UNFREEZE
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.intents.refusal import TransactionRefused

_OWNING = ("signers.set", "tickets.create", "trustline.set", "escrow.create", "offer.create")
"""Operations whose transactions leave an entry that their account owns."""


class XrplChecks:
    """The accounts and lines of one validated ledger, as one transaction of `account` meets them. `earlier`: the
    intents of the account whose transactions are under way and come first."""

    def __init__(self, rpc: XrplRpc, account: XrplAccount, head: int, earlier: Sequence[dict[str, Any]]) -> None:
        self._rpc, self._payer, self._head, self._earlier = rpc, account, head, earlier

    def require(self, tx: TxJson) -> None:
        """Raise TransactionRefused for a transaction that would end with a tec, as far as can be seen now."""
        checks = {
            "Payment": self._payment,
            "TrustSet": self._line,
            "AccountSet": self._flags,
            "SignerListSet": self._signers,
            "SetRegularKey": self._key,
            "TicketCreate": self._tickets,
        }
        if check := checks.get(tx["TransactionType"]):
            check(tx)

    def account(self, address: str) -> XrplAccount:
        """An account that has to be there."""
        found = account_state(self._rpc, address, self._head)
        if found is None:
            raise TransactionRefused("no_account", f"the ledger has no account {address}")
        return found

    def _payment(self, tx: TxJson) -> None:
        amount, holder = tx["Amount"], tx["Destination"]
        if isinstance(amount, str):
            self.require_drops(int(amount) + int(tx["Fee"]), 0, "pay so much")
            self._require_first_reserve(holder, int(amount))
            return
        payer, issuer, value = self._payer.address, self.account(amount["issuer"]), Decimal(amount["value"])
        lines: list[XrplLine] = []
        if holder != issuer.address:
            self.account(holder)
            lines.append(self.receiving_line(holder, issuer, amount["currency"], value))
        if payer != issuer.address:
            lines.append(self.paying_line(payer, issuer, amount["currency"], value))
        if len(lines) == 2 and all(line.no_ripple for line in lines):
            raise TransactionRefused(
                "not_transferable",
                f"{code_of(amount['currency'])} goes from holder to holder on no line of {issuer.address}: it is paid "
                "by its issuer and to it",
            )

    def _require_first_reserve(self, holder: str, drops: int) -> None:
        """An account that is not there yet begins with the reserve of one, or not at all."""
        if account_state(self._rpc, holder, self._head) is None and drops < (least := reserves(self._rpc).base):
            raise TransactionRefused(
                "no_account",
                f"the ledger has no account {holder}: {drops} drops are less than the {least} of a new one",
            )

    def receiving_line(
        self, holder: str, issuer: XrplAccount, currency: str, value: Decimal, *, frozen: bool = False
    ) -> XrplLine:
        """The line of who is paid, which takes so much more. `frozen`: it is paid although it is frozen."""
        line = self.usable_line(holder, issuer, currency, frozen=frozen)
        if line.balance + value > line.limit:
            raise TransactionRefused(
                "above_limit",
                f"the line of {holder} holds {line.balance:f} and takes {line.limit:f} at most: {value:f} more is "
                "above its limit",
            )
        return line

    def paying_line(self, payer: str, issuer: XrplAccount, currency: str, value: Decimal) -> XrplLine:
        """The line of who pays, which holds so much."""
        line = self.usable_line(payer, issuer, currency)
        if line.balance < value:
            raise TransactionRefused("too_little", f"{payer} holds {line.balance:f}, less than {value:f}")
        return line

    def usable_line(self, holder: str, issuer: XrplAccount, currency: str, *, frozen: bool = False) -> XrplLine:
        """A line that can be paid over; with `frozen` also one that is frozen."""
        line, code = self._line_of(holder, issuer.address, currency), code_of(currency)
        if line is None:
            raise TransactionRefused("no_line", f"{holder} has no trust line for {code} of {issuer.address}")
        if "require_auth" in issuer.flags and not line.authorized:
            raise TransactionRefused("not_authorized", f"the issuer has not authorised the line of {holder} for {code}")
        if frozen:
            return line
        if "global_freeze" in issuer.flags:
            raise TransactionRefused("global_freeze", f"the issuer {issuer.address} has frozen all that it issued")
        if line.frozen:
            raise TransactionRefused("frozen", f"the issuer has frozen the line of {holder} for {code}")
        return line

    def _line_of(self, holder: str, issuer: str, currency: str) -> XrplLine | None:
        lines = account_lines(self._rpc, holder, self._head, issuer)
        return next((each for each in lines if (each.peer, each.currency) == (issuer, currency)), None)

    def _line(self, tx: TxJson) -> None:
        limit, flags = tx["LimitAmount"], tx["Flags"]
        peer, currency = self.account(limit["issuer"]), limit["currency"]
        if not flags & (AUTHORIZE | FREEZE | UNFREEZE):
            if self._line_of(self._payer.address, peer.address, currency) is not None:
                return
            if Decimal(limit["value"]):
                self._require_line_reserve(tx)
                return
        if flags & AUTHORIZE and "require_auth" not in self._payer.flags:
            raise TransactionRefused(
                "needs_no_authorization", f"{self._payer.address} has not set require_auth: its lines need nothing"
            )
        if flags & FREEZE and "no_freeze" in self._payer.flags:
            raise TransactionRefused("no_freeze", f"{self._payer.address} has given up freezing for good")
        if self._line_of(peer.address, self._payer.address, currency) is None:
            raise TransactionRefused(
                "no_line", f"there is no trust line for {code_of(currency)} of {peer.address} and {self._payer.address}"
            )

    def _require_line_reserve(self, tx: TxJson) -> None:
        owned, rules = self._payer.owner_count, reserves(self._rpc)
        needed = reserve_for_line(owned, rules.base, rules.increment)
        if self._payer.balance - int(tx["Fee"]) < needed:
            self._no_reserve(needed, "open a trust line")

    def _flags(self, tx: TxJson) -> None:
        names = {number: name for name, number in ACCOUNT_FLAGS.items()}
        flag, has = names.get(tx.get("SetFlag", 0)), self._payer.flags
        owns = self._payer.owner_count > 0 or any(each["intent"]["op"] in _OWNING for each in self._earlier)
        if flag in ("require_auth", "allow_trustline_clawback") and flag not in has and owns:
            raise TransactionRefused(
                "owns_entries",
                f"{self._payer.address} owns a signer list, a line, a ticket or the like: {flag} is set before all of "
                "them, or never",
            )
        set_before = has | {each["intent"]["params"].get("set") for each in self._earlier}
        apart = {"no_freeze": "allow_trustline_clawback", "allow_trustline_clawback": "no_freeze"}
        if flag in apart and apart[flag] in set_before:
            raise TransactionRefused("contradiction", f"{flag} cannot be set beside {apart[flag]}")
        is_held = self._payer.signer_list or self._payer.regular_key
        if flag == "disable_master" and not is_held and not self._comes("signers.set"):
            raise TransactionRefused(
                "no_alternative_key", f"nobody but its own key signs for {self._payer.address}: set its signers first"
            )

    def _comes(self, op: str) -> bool:
        return any(each["intent"]["op"] == op for each in self._earlier)

    def _signers(self, tx: TxJson) -> None:
        if tx["SignerQuorum"] and self._payer.signer_list is None:
            self.require_drops(int(tx["Fee"]), 1, "own a list of signers")

    def _key(self, tx: TxJson) -> None:
        is_left = self._payer.signer_list is not None or "disable_master" not in self._payer.flags
        if "RegularKey" not in tx and not is_left:
            raise TransactionRefused("no_alternative_key", f"nobody else signs for {self._payer.address}")

    def _tickets(self, tx: TxJson) -> None:
        self.require_drops(int(tx["Fee"]), tx["TicketCount"], "own so many tickets")

    def require_drops(self, spent: int, entries: int, what: str) -> None:
        """Refuse what would leave the account with less than its reserve, of so many entries more."""
        rules = reserves(self._rpc)
        needed = reserve(self._payer.owner_count + entries, rules.base, rules.increment) + spent
        if self._payer.balance < needed:
            self._no_reserve(needed, what)

    def _no_reserve(self, needed: int, what: str) -> NoReturn:
        raise TransactionRefused(
            "no_reserve",
            f"{self._payer.address} holds {self._payer.balance} drops and needs {needed} to {what}: send it XRP",
        )
