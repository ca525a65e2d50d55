"""Sending signed bytes, and what the server's first answer means: it is provisional, and `outcomes` decides."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from fntx_dagster.adapters.xrpl.codec import transaction_hash
from fntx_dagster.adapters.xrpl.rpc import XrplRefusedError, XrplRpc
from fntx_dagster.errors import Transient


class XrplNextStep(StrEnum):
    """What to do after an answer to `submit`. Whatever it is, a transaction's end is known by its hash alone."""

    WATCH = "watch"
    """It is in the open ledger or in the queue, perhaps with a code that only costs the fee: ask until it is final."""
    WAIT = "wait"
    """It can still succeed: something is missing that may come before its last ledger."""
    RESEND = "resend"
    """This server does not take it now: send the same bytes again later, or elsewhere."""
    ASK_FIRST = "ask_first"
    """Nobody knows, or something used its sequence, perhaps this very transaction: ask by its hash."""
    PREPARE_AGAIN = "prepare_again"
    """The list of signers is another one than when it was signed."""
    FAILED = "failed"
    """Never valid as it is, though it passed our checks: a person has to look."""


class XrplSubmission(NamedTuple):
    """The answer. `code` is empty where there was none; `words` are the server's or ours, for people."""

    step: XrplNextStep
    code: str
    words: str


_SIGNERS_CHANGED = ("tefBAD_QUORUM", "tefBAD_SIGNATURE")
_USED = ("tefPAST_SEQ", "tefALREADY", "tefNO_TICKET", "tefMAX_LEDGER")
_NEVER_VALID = ("tem", "tefBAD_", "tefMASTER_DISABLED", "tefNOT_MULTI_SIGNING")


def submit(rpc: XrplRpc, blob: str) -> XrplSubmission:
    """Send signed bytes, whose hash is stored already. It raises nothing: an answer that did not come is ASK_FIRST."""
    try:
        reply = rpc.ask("submit", tx_blob=blob, fail_hard=False)
        sent = reply.inner("tx_json")
        if sent.has("hash") and sent.hash("hash") != transaction_hash(blob):
            return XrplSubmission(XrplNextStep.ASK_FIRST, "", "the server answers about another transaction")
        code = reply.word("engine_result", 60)
        words = reply.word("engine_result_message", 200) if reply.has("engine_result_message") else code
        return XrplSubmission(next_step(code), code, words)
    except XrplRefusedError as error:
        step = XrplNextStep.FAILED if error.name == "invalidTransaction" else XrplNextStep.RESEND
        return XrplSubmission(step, "", error.message)
    except Transient as error:
        return XrplSubmission(XrplNextStep.ASK_FIRST, "", error.message)


def next_step(code: str) -> XrplNextStep:
    """What a result of `submit` means. A code that is not known decides nothing."""
    if code in ("tesSUCCESS", "terQUEUED") or code.startswith("tec"):
        return XrplNextStep.WATCH
    if code in _SIGNERS_CHANGED:
        return XrplNextStep.PREPARE_AGAIN
    if code in _USED:
        return XrplNextStep.ASK_FIRST
    if code.startswith(_NEVER_VALID):
        return XrplNextStep.FAILED
    if code.startswith("ter"):
        return XrplNextStep.WAIT
    return XrplNextStep.RESEND if code.startswith("tel") else XrplNextStep.ASK_FIRST
