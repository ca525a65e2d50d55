"""What a ledger may say of an anchor, and what each of the strangers' verifiers has to say then."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.verify.audit_logs import Log
from tests.verify.ledgers import Ledgers

XRPL, STELLAR = "A" * 64, "b" * 64


class Lie(NamedTuple):
    """What is changed on the ledgers after the checkpoint of 8 events was anchored, the exit code, and words of the
    verdict on that ledger."""

    change: Callable[[Ledgers], object]
    code: int
    words: str


def _memo(ledgers: Ledgers, name: str, value: str) -> None:
    ledgers.xrpl[XRPL]["tx_json"]["Memos"][0]["Memo"][name] = value


def _two_memos(ledgers: Ledgers) -> None:
    memos = ledgers.xrpl[XRPL]["tx_json"]["Memos"]
    memos.append(memos[0])


def _unknown(ledgers: Ledgers, searched_all: bool | None) -> None:
    ledgers.xrpl.clear()
    ledgers.searched_all = searched_all


def _forgotten(ledgers: Ledgers, elder: int) -> None:
    ledgers.stellar.clear()
    ledgers.elder = elder


_OTHER = Log(fork="x")
_XRPL_ACCOUNT = "rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe"
_STELLAR_ACCOUNT = "GBXGQJWVLWOYHFLVTKWV5FGHA3LNYY2JQKM7OAJAUEQFU6LPCSEFVXON"

LIES: dict[str, Lie] = {
    "another memo": Lie(
        lambda it: _memo(it, "MemoData", _OTHER.payload(8).hex().upper()), 1, "memo is not that of the checkpoint"
    ),
    "a memo that is too short": Lie(lambda it: _memo(it, "MemoData", "00"), 1, "memo is not that of the checkpoint"),
    "a memo of another kind": Lie(lambda it: _memo(it, "MemoType", "00"), 1, "memo is not that of the checkpoint"),
    "two memos": Lie(_two_memos, 1, "memo is not that of the checkpoint"),
    "no memo": Lie(lambda it: it.xrpl[XRPL]["tx_json"].pop("Memos"), 1, "memo is not that of the checkpoint"),
    "not validated": Lie(lambda it: it.xrpl[XRPL].update(validated=False), 1, "is not validated"),
    "a failed payment": Lie(
        lambda it: it.xrpl[XRPL]["meta"].update(TransactionResult="tecPATH_DRY"), 1, "failed with tecPATH_DRY"
    ),
    "another sender": Lie(
        lambda it: it.xrpl[XRPL]["tx_json"].update(Account=_XRPL_ACCOUNT), 1, f"was sent by {_XRPL_ACCOUNT}"
    ),
    "another payment": Lie(lambda it: it.xrpl[XRPL].update(hash="C" * 64), 1, "shows another transaction"),
    "another ledger of XRPL": Lie(lambda it: it.xrpl[XRPL].update(ledger_index=2001), 1, "is in ledger 2001"),
    "another network of XRPL": Lie(lambda it: setattr(it, "network_id", 2), 75, "is of another network: it serves 2"),
    "the main network of XRPL": Lie(
        lambda it: setattr(it, "network_id", None), 75, "is of another network: it serves 0"
    ),
    "an unknown payment": Lie(lambda it: _unknown(it, True), 1, "ledger 2000 does not hold the transaction"),
    "a payment before the history": Lie(lambda it: _unknown(it, False), 75, "does not have that ledger's transactions"),
    "a payment that nobody looked for": Lie(
        lambda it: _unknown(it, None), 75, "does not have that ledger's transactions"
    ),
    "another memo on Stellar": Lie(
        lambda it: it.stellar[STELLAR].update(memo="AAAA"), 1, "memo is not the root of the checkpoint"
    ),
    "a memo of text": Lie(
        lambda it: it.stellar[STELLAR].update(memo_type="text"), 1, "memo is not the root of the checkpoint"
    ),
    "another value": Lie(
        lambda it: it.operations[STELLAR][0].update(value="AAAA"), 1, "value written is not that of the checkpoint"
    ),
    "another name": Lie(
        lambda it: it.operations[STELLAR][0].update(name="fntx"), 1, "no operation of GAAZI4TCR3TY5OJHCTJC2A4QSY6"
    ),
    "another source": Lie(
        lambda it: it.operations[STELLAR][0].update(source_account=_STELLAR_ACCOUNT), 1, "wrote fntx.audit"
    ),
    "no operation": Lie(lambda it: it.operations[STELLAR].clear(), 1, "wrote fntx.audit"),
    "a failed transaction": Lie(lambda it: it.stellar[STELLAR].update(successful=False), 1, "the transaction failed"),
    "another transaction": Lie(lambda it: it.stellar[STELLAR].update(hash="c" * 64), 1, "shows another transaction"),
    "another ledger of Stellar": Lie(lambda it: it.stellar[STELLAR].update(ledger=78), 1, "is in ledger 78"),
    "another network of Stellar": Lie(
        lambda it: setattr(it, "passphrase", "Public"), 75, "is of another network: it serves Public"
    ),
    "an unknown transaction": Lie(lambda it: _forgotten(it, 77), 1, "ledger 77 does not hold the transaction"),
    "a transaction before the history": Lie(
        lambda it: _forgotten(it, 78), 75, "does not have that ledger's transactions"
    ),
    "rubbish from rippled": Lie(lambda it: it.xrpl[XRPL].update(meta=7), 75, "answer is not of its form"),
    "rubbish from Horizon": Lie(lambda it: it.stellar[STELLAR].pop("ledger"), 75, "answer is not of its form"),
}


def anchored(log: Log, size: int = 8) -> tuple[Ledgers, list[dict]]:
    """Ledgers that hold a checkpoint, and the entries of a proof file."""
    ledgers = Ledgers()
    return ledgers, [ledgers.anchor_on_xrpl(log, size), ledgers.anchor_on_stellar(log, size)]
