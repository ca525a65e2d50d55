"""What a result of a transaction is called: its number, and the words that rippled says to it."""

from __future__ import annotations

from xrpl.core.binarycodec.definitions.definitions import get_transaction_result_code

SUCCESS = "tesSUCCESS"

_WORDS = {
    SUCCESS: "The transaction was applied. Only final in a validated ledger.",
    "tecCRYPTOCONDITION_ERROR": "Malformed, invalid, or mismatched conditional or fulfillment.",
    "tecDST_TAG_NEEDED": "A destination tag is required.",
    "tecFROZEN": "Asset is frozen.",
    "tecINSUFFICIENT_FUNDS": "Not enough funds available to complete requested transaction.",
    "tecINSUFFICIENT_RESERVE": "Insufficient reserve to complete requested operation.",
    "tecKILLED": "No funds transferred and no offer created.",
    "tecLIMIT_EXCEEDED": "Limit exceeded.",
    "tecNEED_MASTER_KEY": "The operation requires the use of the Master Key.",
    "tecNO_ALTERNATIVE_KEY": "The operation would remove the ability to sign transactions with the account.",
    "tecNO_AUTH": "Not authorized to hold asset.",
    "tecNO_DST": "Destination does not exist. Send XRP to create it.",
    "tecNO_DST_INSUF_XRP": "Destination does not exist. Too little XRP sent to create it.",
    "tecNO_LINE": "No such line.",
    "tecNO_LINE_INSUF_RESERVE": "No such line. Too little reserve to create it.",
    "tecNO_LINE_REDUNDANT": "Can't set non-existent line to default.",
    "tecNO_PERMISSION": "No permission to perform requested operation.",
    "tecNO_TARGET": "Target account does not exist.",
    "tecOWNERS": "Non-zero owner count.",
    "tecPATH_DRY": "Path could not send partial amount.",
    "tecPATH_PARTIAL": "Path could not send full amount.",
    "tecUNFUNDED": "Not enough XRP to satisfy the reserve requirement.",
    "tecUNFUNDED_OFFER": "Insufficient balance to fund created offer.",
    "tecUNFUNDED_PAYMENT": "Insufficient XRP balance to send.",
    "tefALREADY": "The exact transaction was already in this ledger.",
    "tefBAD_AUTH": "Transaction's public key is not authorized.",
    "tefBAD_AUTH_MASTER": "Auth for unclaimed account needs correct master key.",
    "tefBAD_QUORUM": "Signatures provided do not meet the quorum.",
    "tefBAD_SIGNATURE": "A signature is provided for a non-signer.",
    "tefMASTER_DISABLED": "Master key is disabled.",
    "tefMAX_LEDGER": "Ledger sequence too high.",
    "tefNOT_MULTI_SIGNING": "Account has no appropriate list of multi-signers.",
    "tefNO_TICKET": "Ticket is not in ledger.",
    "tefPAST_SEQ": "This sequence number has already passed.",
    "telINSUF_FEE_P": "Fee insufficient.",
    "temBAD_SIGNATURE": "Malformed: Bad signature.",
    "temMALFORMED": "Malformed transaction.",
    "terINSUF_FEE_B": "Account balance can't pay fee.",
    "terNO_ACCOUNT": "The source account does not exist.",
    "terPRE_SEQ": "Missing/inapplicable prior transaction.",
    "terPRE_TICKET": "Ticket is not yet in ledger.",
    "terQUEUED": "Held until escalated fee drops.",
}


def number_of(code: str) -> int:
    """The number of a result as the ledger's definitions have it."""
    return get_transaction_result_code(code)


def words_of(code: str) -> str:
    """rippled's sentence for a result; the code itself where it is none of those that matter here."""
    return _WORDS.get(code, code)


def claims_fee(code: str) -> bool:
    """Whether a transaction with this result is in the ledger all the same, with its fee and its sequence."""
    return code.startswith("tec")
