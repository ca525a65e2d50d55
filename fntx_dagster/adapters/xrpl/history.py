"""The transactions of an account, page by page: who signed each, what it changes, and what its memo anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from xrpl.core import keypairs

from fntx_dagster.adapters.xrpl.accounts import pages_of
from fntx_dagster.adapters.xrpl.codec import TxJson, decoded
from fntx_dagster.adapters.xrpl.reply import XrplReply, unreadable
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.audit.answers import memo_of

_KEY = re.compile("(?:ED|02|03)[0-9A-F]{64}")
_SETS_SIGNERS = ("SignerListSet", "SetRegularKey")
_GLOBAL_FREEZE = 7


class XrplHistoryRow(NamedTuple):
    """A transaction of an account in a validated ledger. `signers`: the addresses whose keys signed; `is_config`:
    whether it changes who signs, or a flag other than the global freeze; `memo`: what it anchors."""

    hash: str
    succeeded: bool
    signers: tuple[str, ...]
    is_config: bool
    memo: bytes | None


def account_history(
    rpc: XrplRpc, address: str, ledger_index: int, *, with_signers: bool = True
) -> Iterator[XrplHistoryRow]:
    """The transactions that an account sent, up to a validated ledger, the oldest first, failed ones too. Those that
    others sent to it are left out. Without `with_signers` nobody looks who signed them. Raises XrplRefusedError
    actNotFound where the ledger never had the account."""
    asked = {"account": address, "ledger_index_min": -1, "ledger_index_max": ledger_index, "forward": True}
    for row in pages_of(rpc, "account_tx", "transactions", **asked):
        name = "tx_json" if row.has("tx_json") else "tx"  # of the API's versions 2 and 1
        sent = row.inner(name)
        if sent.address("Account") != address:
            continue
        if row.has("validated") and not row.flag("validated"):
            raise row.wrong("validated")
        yield XrplHistoryRow(
            (row if row.has("hash") else sent).hash("hash"),
            row.inner("meta").word("TransactionResult", 60) == "tesSUCCESS",
            _signers(sent) if with_signers else (),
            is_config_change(row.raw(name)),
            _anchored(row.raw(name)),
        )


def signers_of_blob(blob: str) -> tuple[str, ...]:
    """The addresses whose keys signed a blob."""
    return _signers(XrplReply("blob", decoded(blob)))


def _signers(sent: XrplReply) -> tuple[str, ...]:
    if sent.has("Signers"):
        return tuple(row.inner("Signer").address("Account") for row in sent.rows("Signers", 32))
    key = sent.word("SigningPubKey", 66).upper()
    if not _KEY.fullmatch(key):
        raise sent.wrong("SigningPubKey")
    return (keypairs.derive_classic_address(key),)


def is_config_change(sent: TxJson) -> bool:
    """Whether a transaction changes who signs for its account, or what the account lets others do. A global freeze is
    neither: people decide it as a freeze."""
    kind = sent.get("TransactionType")
    if kind == "AccountSet":
        return {sent.get("SetFlag"), sent.get("ClearFlag")} - {None, 0} != {_GLOBAL_FREEZE}
    return kind in _SETS_SIGNERS


def _anchored(sent: Any) -> bytes | None:
    try:
        return memo_of(sent)
    except (AttributeError, IndexError, KeyError, TypeError):
        raise unreadable("account_tx", "Memos") from None
