"""What would fail on Stellar although it costs its fee and its sequence: refused before anybody signs it.

The codes are those of the XRP Ledger's checks, so that a face has one table; the ledger's own is in the words.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.stellar.costs import reserve
from fntx_dagster.adapters.stellar.horizon import Horizon
from fntx_dagster.adapters.stellar.states import StellarAccountState, StellarLastLedger, StellarLineState
from fntx_dagster.audit.anchor import DATA_NAME
from fntx_dagster.intents.refusal import TransactionRefused

_STROOPS = Decimal(10_000_000)


class StellarChecks:
    """The accounts of the network as one transaction of `account` meets them, whose fee is so many stroops."""

    def __init__(self, horizon: Horizon, account: StellarAccountState, last: StellarLastLedger, fee: int) -> None:
        self._horizon, self._payer, self._last, self._fee = horizon, account, last, fee

    def require(self, operations: list[dict[str, Any]]) -> None:
        """Raise TransactionRefused for operations of which one would fail, as far as can be seen now."""
        checks = {
            "payment": self._payment,
            "trustline.set": self._line,
            "trustline.flags": self._line_flags,
            "clawback": self._clawback,
        }
        for each in operations:
            if check := checks.get(each["op"]):
                check(each["params"])
        if more := sum(self._entries(each["op"], each["params"]) for each in operations):
            self._require_lumens(Decimal(0), more, "op_low_reserve")

    def account(self, address: str) -> StellarAccountState:
        """An account that has to be there."""
        account = self._horizon.account(address)
        if account is None:
            raise TransactionRefused("no_account", f"the ledger has no account {address} (op_no_destination)")
        return account

    def _entries(self, op: str, params: dict[str, Any]) -> int:
        """How many entries the account owns more after an operation: each needs a reserve."""
        if op == "trustline.set":
            return int(self._own_line(params["asset"]) is None)
        if op == "account.options" and "signer" in params:
            signer = params["signer"]
            return int(signer["weight"] > 0 and signer["key"] not in self._payer.signers)
        name = {"data.set": params.get("name"), "anchor": DATA_NAME}.get(op)
        return int(name is not None and name not in self._payer.data)

    def _payment(self, params: dict[str, Any]) -> None:
        holder, asset, value = self.account(params["destination"]), params["asset"], Decimal(params["amount"])
        if asset == "native":
            self._require_lumens(value, 0, "op_underfunded")
            return
        if holder.address != asset["issuer"]:
            line = usable_line(holder, asset, "op_no_trust", "op_not_authorized")
            if line.balance + value > line.limit:
                raise TransactionRefused(
                    "above_limit",
                    f"the line of {holder.address} holds {line.balance:f} and takes {line.limit:f} at most: {value:f} "
                    "more is above its limit (op_line_full)",
                )
        if self._payer.address != asset["issuer"]:
            line = usable_line(self._payer, asset, "op_src_no_trust", "op_src_not_authorized")
            if line.balance < value:
                raise TransactionRefused(
                    "too_little", f"{self._payer.address} holds {line.balance:f}, less than {value:f} (op_underfunded)"
                )

    def _own_line(self, asset: dict[str, str]) -> StellarLineState | None:
        return line_of(self._payer, asset)

    def _line(self, params: dict[str, Any]) -> None:
        asset, limit, line = params["asset"], Decimal(params["limit"]), self._own_line(params["asset"])
        if self._horizon.account(asset["issuer"]) is None:
            raise TransactionRefused("no_account", f"the ledger has no issuer {asset['issuer']} (op_no_issuer)")
        if limit < (line.balance if line else Decimal("1e-7")):
            held = f"{line.balance:f} {asset['code']}" if line else f"no line for {asset['code']}"
            raise TransactionRefused(
                "below_balance", f"{self._payer.address} has {held}: the limit {limit:f} is too low (op_invalid_limit)"
            )

    def _line_flags(self, params: dict[str, Any]) -> None:
        self._holders_line(params["trustor"], params["asset"], "op_no_trustline")
        takes_back = {"authorized", "maintain_liabilities"} & {*params.get("clear", [])}
        if takes_back and "auth_revocable" not in self._payer.flags:
            raise TransactionRefused(
                "no_freeze", f"{self._payer.address} has not set auth_revocable: it takes nothing back (op_cant_revoke)"
            )

    def _clawback(self, params: dict[str, Any]) -> None:
        holder, value = params["from"], Decimal(params["amount"])
        line = self._holders_line(holder, params["asset"], "op_no_trust")
        if not line.can_be_clawed_back:
            raise TransactionRefused(
                "no_clawback", f"the line of {holder} was opened without clawback (op_not_clawback_enabled)"
            )
        if line.balance < value:
            raise TransactionRefused(
                "too_little", f"{holder} holds {line.balance:f}, less than {value:f} (op_underfunded)"
            )

    def _holders_line(self, holder: str, asset: dict[str, str], code: str) -> StellarLineState:
        line = line_of(self.account(holder), asset)
        if line is None:
            raise TransactionRefused("no_line", f"{holder} has no trust line for {asset['code']} ({code})")
        return line

    def _require_lumens(self, spent: Decimal, entries: int, code: str) -> None:
        """Refuse what would leave the account with less than its reserve, of so many entries more."""
        kept = Decimal(reserve(self._payer.subentries + entries, self._last.base_reserve) + self._fee) / _STROOPS
        if self._payer.balance < kept + spent:
            raise TransactionRefused(
                "no_reserve",
                f"{self._payer.address} holds {self._payer.balance:f} XLM and needs {kept + spent:f}: fund it ({code})",
            )


def line_of(holder: StellarAccountState, asset: dict[str, str]) -> StellarLineState | None:
    """A holder's line for an asset."""
    wanted = (asset["code"], asset["issuer"])
    return next((each for each in holder.lines if (each.code, each.issuer) == wanted), None)


def usable_line(holder: StellarAccountState, asset: dict[str, str], missing: str, barred: str) -> StellarLineState:
    """A line that can be paid over; refused with the ledger's code for one that is missing, or barred."""
    line = line_of(holder, asset)
    if line is None:
        raise TransactionRefused("no_line", f"{holder.address} has no trust line for {asset['code']} ({missing})")
    if not line.is_authorized:
        raise TransactionRefused(
            "not_authorized", f"the line of {holder.address} for {asset['code']} is not authorised ({barred})"
        )
    return line
