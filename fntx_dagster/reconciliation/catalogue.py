"""Every check there is: its id, what it compares, and what a person does about a mismatch."""

from __future__ import annotations

from typing import NamedTuple

XRPL_ROLES = ("issuer", "treasury", "escrow", "attestation", "amm", "trading")
STELLAR_ROLES = ("issuer", "distribution", "anchor")
STELLAR_FLAGS = ("auth_required", "auth_revocable", "auth_clawback_enabled")


class ReconCheckWords(NamedTuple):
    """A check in words. `to_do`: about a mismatch."""

    id: str
    compares: str
    to_do: str


class _Kind(NamedTuple):
    """Checks that differ by what stands for `{}`."""

    id: str
    of: tuple[str, ...]
    compares: str
    to_do: str


_ALONE = ("",)
_KINDS = (
    _Kind(
        "xrpl.balance.{}",
        XRPL_ROLES,
        "The account {} has the XRP that its entries reserve, and a margin for fees",
        "Fund the account: without the reserve it makes no entry, without drops no transaction",
    ),
    _Kind(
        "xrpl.trustlines.{}",
        XRPL_ROLES,
        "The account {} has each configured line with its limit and authorisation, not frozen, and no other line",
        "Propose trustline.set or trustline.authorize; of a strange line see who opened it",
    ),
    _Kind(
        "xrpl.default_ripple.issuer",
        _ALONE,
        "Each flag of the issuer that the configuration names is as configured",
        "Find the transaction that changed it, and propose account.configure",
    ),
    _Kind(
        "xrpl.escrows",
        _ALONE,
        "The escrows on the ledger are ours that are open, each with its amount, destination, condition and times",
        "One that is gone was finished or cancelled by somebody; of one that is unknown ask who signed, and pause",
    ),
    _Kind(
        "stellar.balance.{}",
        STELLAR_ROLES,
        "The account {} has the lumens that its entries reserve",
        "Fund the account",
    ),
    _Kind(
        "stellar.flag.{}",
        STELLAR_FLAGS,
        "The flag {} of the issuer is as configured",
        "Propose account.configure: until then tokens may move that should not",
    ),
    _Kind(
        "stellar.signers.{}",
        STELLAR_ROLES,
        "Exactly the configured keys sign for the account {}, each with the weight 1, at the configured thresholds",
        "Pause, then `fntx treasury setup stellar`: whoever has weight may have signed already",
    ),
    _Kind(
        "cross.governance",
        _ALONE,
        "The same people, as many as configured, sign for all accounts of both ledgers, and nobody signs alone",
        "Pause, then `fntx treasury setup` of the ledger that it names",
    ),
    _Kind(
        "cross.attestation",
        _ALONE,
        "Every anchor of the audit log is a checkpoint of ours, their sizes rise, and the newest is the last one",
        "`fntx audit anchor`; an unknown root means a database that was restored, or a log that was forked",
    ),
    _Kind(
        "supply.xrpl",
        _ALONE,
        "As much of each token is out as confirmed payments issued less what came back, and no more than is funded",
        "More than issued: somebody else can sign for the issuer. Pause",
    ),
    _Kind(
        "supply.stellar",
        _ALONE,
        "As much of the asset is out as confirmed payments issued less what came back",
        "More than issued: somebody else can sign for the issuer. Pause",
    ),
    _Kind(
        "escrow.custody",
        _ALONE,
        "The total in escrow is what the custodian states, within a ten-thousandth",
        "Ask the custodian for the movements since the last statement",
    ),
    _Kind(
        "audit.coverage",
        _ALONE,
        "Every confirmed transaction has its event in the audit log, and no event waits too long for an anchor",
        "`fntx audit status --whole`, and `fntx audit anchor`",
    ),
    _Kind(
        "ledger.signatures",
        _ALONE,
        "Every transaction of our accounts is one of ours, with the signatures that we recorded, as many as it needs",
        "One that is not ours moved an account past the votes: pause, and rotate the signers",
    ),
)
CHECKS = tuple(
    ReconCheckWords(kind.id.format(each), kind.compares.format(each), kind.to_do) for kind in _KINDS for each in kind.of
)
"""In the order of the report of the scope `deep`."""
