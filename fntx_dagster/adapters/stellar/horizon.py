"""What is asked of a Horizon: its network, the last ledger, accounts, assets, transactions, fees.

Horizon answers for the ledger that closed last and for no other. Every error says which server it is about, and none
holds what the server wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from fntx_dagster.adapters.stellar import documents as read
from fntx_dagster.adapters.stellar.codec import is_address
from fntx_dagster.adapters.stellar.connection import HorizonConnection
from fntx_dagster.adapters.stellar.history import entries_set
from fntx_dagster.adapters.stellar.results import codes_of
from fntx_dagster.adapters.stellar.states import (
    StellarAccountState,
    StellarLastLedger,
    StellarLineState,
    StellarPaid,
    StellarSupply,
    StellarThresholds,
    StellarTransactionState,
)
from fntx_dagster.errors import Permanent

FLAGS = ("auth_required", "auth_revocable", "auth_immutable", "auth_clawback_enabled")
_PAGE = 200
_HASH = re.compile("[0-9a-f]{64}", re.ASCII).fullmatch
Value = TypeVar("Value")


class Horizon:
    """A Horizon of the network that the configuration names. `open_horizon` makes it."""

    def __init__(self, connection: HorizonConnection, passphrase: str) -> None:
        self.connection = connection
        self.passphrase = passphrase

    def check_network(self) -> int:
        """Refuse a server of another network; the first ledger that its history holds. Raises Permanent, Transient."""
        root = self._of_network()
        return self._read(lambda: read.whole(root, "history_elder_ledger"))

    def require_network(self) -> None:
        """Refuse a server of another network, as `check_network`, whatever its history holds."""
        self._of_network()

    def _of_network(self) -> dict[str, Any]:
        root = self._found("/")
        if self._read(lambda: read.text(root, "network_passphrase")) != self.passphrase:
            raise Permanent(
                f"Horizon at {self.connection.host} is of another network than the treasury's configuration",
                "Set FNTX_HORIZON_URL to a Horizon of the network whose passphrase the configuration holds",
            )
        return root

    def head(self) -> int:
        """The number of the ledger that closed last."""
        page = self._found("/ledgers", order="desc", limit="1")
        return self._read(lambda: read.whole(read.records(page)[0], "sequence", 1, 2**32 - 1))

    def last_ledger(self) -> StellarLastLedger:
        """The ledger that closed last."""
        page = self._found("/ledgers", order="desc", limit="1")
        return self._read(lambda: _ledger(read.records(page)[0]))

    def account(self, address: str) -> StellarAccountState | None:
        """An account; None where the ledger has none at this address."""
        document = self.connection.get(f"/accounts/{_address(address)}")
        return None if document is None else self._read(lambda: _account(document, address))

    def supply(self, code: str, issuer: str) -> StellarSupply:
        """How much of an asset is out; nothing where nobody has a line to it."""
        page = self._found("/assets", asset_code=code, asset_issuer=_address(issuer), limit="1")
        return self._read(lambda: _supply(read.records(page), code, issuer))

    def holdings(self, code: str, issuer: str) -> dict[str, Decimal]:
        """Account → how much of an asset it has, above 0; without claimable balances and pools."""
        held: dict[str, Decimal] = {}
        cursor = ""
        while True:
            query = {"asset": f"{code}:{_address(issuer)}", "limit": str(_PAGE), "order": "asc"}
            page = self._found("/accounts", **query, **({"cursor": cursor} if cursor else {}))
            found = self._read(lambda page=page: [_held(row, code, issuer) for row in read.records(page)])
            held |= {account: amount for account, amount in found if amount > 0}
            if len(found) < _PAGE:
                return held
            if found[-1][0] <= cursor:
                raise self.connection.unreadable("pages that do not go on")
            cursor = found[-1][0]

    def fee(self, cap: int) -> int:
        """What to bid for an operation, in stroops: what 19 of 20 paid lately, at least the base fee, at most `cap`.
        Raises Permanent where the base fee itself is above the cap."""
        stats = self._found("/fee_stats")
        charged = self._read(lambda: read.whole(read.field_of(stats, "fee_charged", dict), "p95"))
        base = self._read(lambda: read.whole(stats, "last_ledger_base_fee", 1))
        if base > cap:
            raise Permanent(
                f"the base fee of the network is {base} stroops, above the cap of {cap}", "Raise the cap, or wait"
            )
        return min(max(base, charged), cap)

    def transaction(self, digest: str) -> StellarTransactionState | None:
        """A transaction in a ledger, failed ones too; None where no ledger of this server's history holds it."""
        if not _HASH(digest):
            raise Permanent("the hash of a transaction has 64 digits of lower-case hex")
        document = self.connection.get(f"/transactions/{digest}")
        return None if document is None else self._read(lambda: _transaction(document, digest))

    def data_set_by(self, digest: str) -> dict[str, bytes | None]:
        """The data entries that a transaction's operations set: name → value, None for one that it removed."""
        page = self._found(f"/transactions/{digest if _HASH(digest) else ''}/operations", limit=str(_PAGE))
        return self._read(
            lambda: {
                read.text(row, "name"): read.content(row["value"]) if row.get("value") else None
                for row in read.records(page)
                if row.get("type") == "manage_data"
            }
        )

    def payments_in(self, digest: str) -> list[StellarPaid]:
        """The payments of a transaction in a ledger, in their order; none where it failed."""
        page = self._found(f"/transactions/{digest if _HASH(digest) else ''}/operations", limit=str(_PAGE))
        return self._read(
            lambda: [
                _payment(row)
                for row in read.records(page)
                if row.get("type") == "payment" and read.yes(row, "transaction_successful")
            ]
        )

    def transactions_of(self, address: str, after: str = "") -> Iterator[StellarTransactionState]:
        """The transactions that touched an account, oldest first, failed ones too. `after`: a paging token."""
        for row in self._transaction_rows(address, after):
            yield self._read(lambda row=row: _transaction(row))

    def envelopes_of(self, address: str) -> Iterator[tuple[str, str, str]]:
        """Hash, source account and envelope of each transaction that touched an account, the oldest first."""
        for row in self._transaction_rows(address):
            yield self._read(
                lambda row=row: (
                    read.text(row, "hash", 64),
                    read.text(row, "source_account", 69),
                    read.text(row, "envelope_xdr", 200_000),
                )
            )

    def data_written(self, address: str, name: str) -> list[bytes]:
        """What the account's own successful transactions with a memo of type hash wrote into one of its data entries,
        the oldest first: the entry itself holds the last alone. A transaction's operations are asked for where its
        envelope does not say."""
        written: list[bytes] = []
        for row in self._transaction_rows(address):
            if self._read(lambda row=row: read.yes(row, "successful")) and row.get("memo_type") == "hash":
                values = entries_set(row.get("envelope_xdr"), self.passphrase, address)
                if values is None:
                    values = self.data_set_by(self._read(lambda row=row: read.text(row, "hash", 64)))
                if value := values.get(name):
                    written.append(value)
        return written

    def _transaction_rows(self, address: str, after: str = "") -> Iterator[dict[str, Any]]:
        path, cursor = f"/accounts/{_address(address)}/transactions", after
        while True:
            query = {"order": "asc", "limit": str(_PAGE), "include_failed": "true"}
            page = self._found(path, **query, **({"cursor": cursor} if cursor else {}))
            found = self._read(lambda page=page: read.records(page))
            yield from found
            if len(found) < _PAGE:
                return
            token = self._read(lambda found=found: read.text(found[-1], "paging_token", 30))
            if not _rises(cursor, token):
                raise self.connection.unreadable("pages that do not go on")
            cursor = token

    def _found(self, path: str, **query: str) -> dict[str, Any]:
        document = self.connection.get(path, **query)
        if document is None:
            raise self.connection.unreadable(f"nothing at {path.split('/')[1] or 'its root'}")
        return document

    def _read(self, reading: Callable[[], Value]) -> Value:
        try:
            return reading()
        except read.UnreadableDocument as error:
            raise self.connection.unreadable(str(error)) from None
        except (LookupError, OverflowError):
            raise self.connection.unreadable("a part missing") from None


@contextmanager
def open_horizon(url: str, passphrase: str, *, timeout: int = 5, post_timeout: float = 10) -> Iterator[Horizon]:
    """A Horizon, once it has shown that it is of this network. Raises Permanent for another one's, Transient."""
    connection = HorizonConnection(url, timeout=timeout, post_timeout=post_timeout)
    try:
        horizon = Horizon(connection, passphrase)
        horizon.check_network()
        yield horizon
    finally:
        connection.close()


def _address(address: str) -> str:
    if not is_address(address):
        raise Permanent("an address of Stellar has 56 signs and begins with G", "Check the treasury's configuration")
    return address


def _ledger(row: dict[str, Any]) -> StellarLastLedger:
    return StellarLastLedger(
        read.whole(row, "sequence", 1, 2**32 - 1),
        read.moment(row, "closed_at"),
        read.whole(row, "base_fee_in_stroops", 1, 2**32 - 1),
        read.whole(row, "base_reserve_in_stroops", 1, 2**32 - 1),
    )


def _account(document: dict[str, Any], address: str) -> StellarAccountState:
    if read.text(document, "account_id") != address:
        raise read.UnreadableDocument("another account than the one that was asked for")
    balances, thresholds = read.rows(document, "balances"), read.field_of(document, "thresholds", dict)
    native = next((row for row in balances if row.get("asset_type") == "native"), {})
    weights = {read.text(row, "key"): read.whole(row, "weight", 0, 255) for row in read.rows(document, "signers")}
    flags = read.field_of(document, "flags", dict)
    low, med, high = (read.whole(thresholds, f"{each}_threshold", 0, 255) for each in ("low", "med", "high"))
    return StellarAccountState(
        address,
        read.amount(native, "balance"),
        read.whole(document, "sequence"),
        read.whole(document, "subentry_count", 0, 10_000),
        frozenset(name for name in FLAGS if name in flags and read.yes(flags, name)),
        StellarThresholds(weights.pop(address, 0), low, med, high),
        {key: weight for key, weight in weights.items() if weight > 0},
        tuple(_line(row) for row in balances if row.get("asset_type") in ("credit_alphanum4", "credit_alphanum12")),
        {name: read.content(value) for name, value in read.field_of({"data": {}} | document, "data", dict).items()},
        read.text(document, "home_domain") if document.get("home_domain") else "",
        read.whole({"last_modified_ledger": 0} | document, "last_modified_ledger"),
    )


def _line(row: dict[str, Any]) -> StellarLineState:
    authorized = read.yes(row, "is_authorized")
    return StellarLineState(
        read.text(row, "asset_code", 12),
        read.text(row, "asset_issuer", 56),
        read.amount(row, "balance"),
        read.amount(row, "limit"),
        authorized,
        authorized or row.get("is_authorized_to_maintain_liabilities") is True,
        row.get("is_clawback_enabled") is True,
    )


def _held(document: dict[str, Any], code: str, issuer: str) -> tuple[str, Decimal]:
    """An account, and how much of an asset it has."""
    state = _account(document, read.text(document, "account_id", 56))
    lines = [line.balance for line in state.lines if (line.code, line.issuer) == (code, issuer)]
    return state.address, sum(lines, Decimal(0))


def _supply(rows: list[dict[str, Any]], code: str, issuer: str) -> StellarSupply:
    if not rows:
        return StellarSupply(*[read.amount({"nothing": "0"}, "nothing")] * 6)
    row = rows[0]
    if (read.text(row, "asset_code"), read.text(row, "asset_issuer")) != (code, issuer):
        raise read.UnreadableDocument("another asset than the one that was asked for")
    balances = read.field_of(row, "balances", dict)
    held = ("authorized", "authorized_to_maintain_liabilities", "unauthorized")
    elsewhere = ("claimable_balances_amount", "liquidity_pools_amount", "contracts_amount")
    return StellarSupply(
        *(read.amount(balances, name) for name in held), *(read.amount(row, name) for name in elsewhere)
    )


def _transaction(document: dict[str, Any], digest: str | None = None) -> StellarTransactionState:
    known = read.text(document, "hash", 64)
    if digest is not None and known != digest:
        raise read.UnreadableDocument("another transaction than the one that was asked for")
    codes = codes_of(document.get("result_xdr"))
    memo = document.get("memo") if document.get("memo_type") == "hash" else None
    bump = document.get("fee_bump_transaction")
    return StellarTransactionState(
        known,
        read.yes(document, "successful"),
        read.whole(document, "ledger", 1, 2**32 - 1),
        read.moment(document, "created_at"),
        read.text(document, "source_account", 69),
        read.whole(document, "source_account_sequence"),
        read.whole(document, "fee_charged"),
        None if memo is None else read.content(memo),
        codes.transaction if codes else None,
        codes.failed if codes else None,
        read.text(document, "paging_token", 30),
        read.text(document, "envelope_xdr", 200_000),
        known if bump is None else read.text(read.field_of(document, "fee_bump_transaction", dict), "hash", 64),
    )


def _payment(row: dict[str, Any]) -> StellarPaid:
    is_lumens = row.get("asset_type") == "native"
    return StellarPaid(
        read.text(row, "from", 69),
        read.text(row, "to", 69),
        "" if is_lumens else read.text(row, "asset_code", 12),
        "" if is_lumens else read.text(row, "asset_issuer", 56),
        read.amount(row, "amount"),
    )


def _rises(before: str, after: str) -> bool:
    return after.isascii() and after.isdigit() and int(after) > (int(before) if before.isdigit() else -1)
