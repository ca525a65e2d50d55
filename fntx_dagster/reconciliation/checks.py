"""Which checks there are in which scope, in the order of the report, and the judgement of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from fntx_dagster.reconciliation import cross_checks as cross
from fntx_dagster.reconciliation import stellar_checks as stellar
from fntx_dagster.reconciliation import xrpl_checks as xrpl
from fntx_dagster.reconciliation.catalogue import STELLAR_FLAGS, STELLAR_ROLES, XRPL_ROLES
from fntx_dagster.reconciliation.items import ReconCheck, ReconFinding, ReconItem, judged
from fntx_dagster.reconciliation.reading import Document

SCOPES = ("full", "deep", "xrpl", "stellar")
"""full: the 25 checks; deep: 5 more, which compare with our records; xrpl and stellar: those of one ledger alone."""
CRITICAL = "critical"


class ReconInput(NamedTuple):
    """What is compared: the configuration, what the ledgers showed, what we recorded, and when, in Unix seconds."""

    config: Document
    observed: Document
    records: Document
    now_s: int


def reconcile(given: ReconInput, scope: str) -> list[ReconItem]:
    """The judgement of every check of a scope. It raises nothing for what is missing: that is an ERROR of its check."""
    return [judged(check) for check in checks_of(given, scope)]


def checks_of(given: ReconInput, scope: str) -> list[ReconCheck]:
    """The checks of a scope, in the order of the report."""
    on_xrpl, on_stellar = _of_xrpl(given), _of_stellar(given)
    parts = {"xrpl": on_xrpl, "stellar": on_stellar, "full": on_xrpl + on_stellar + _of_both(given)}
    return parts["full"] + _deep(given) if scope == "deep" else parts[scope]


def _of_xrpl(given: ReconInput) -> list[ReconCheck]:
    config, observed, records, _ = given
    roles = _roles(config, "xrpl", XRPL_ROLES)
    balance, lines = (partial(judge, config, observed) for judge in (xrpl.xrpl_balance, xrpl.trust_lines))
    return [
        *_for_each("XRPL", "xrpl.balance", roles, "balance of the account {}", balance),
        *_for_each("XRPL", "xrpl.trustlines", roles, "trust lines of the account {}", lines),
        _check(
            "XRPL", "xrpl.default_ripple.issuer", "flags of the issuer", partial(xrpl.issuer_flags, config, observed)
        ),
        _check("XRPL", "xrpl.escrows", "escrows of the accounts", partial(xrpl.escrows, observed, records)),
    ]


def _of_stellar(given: ReconInput) -> list[ReconCheck]:
    config, observed, records, _ = given
    roles = _roles(config, "stellar", STELLAR_ROLES)
    balance, flag = (partial(judge, config, observed) for judge in (stellar.stellar_balance, stellar.stellar_flag))
    signers = partial(stellar.stellar_signers, config, observed, records)
    return [
        *_for_each("Stellar", "stellar.balance", roles, "balance of the account {}", balance),
        *_for_each("Stellar", "stellar.flag", STELLAR_FLAGS, "{} of the issuer", flag),
        *_for_each("Stellar", "stellar.signers", roles, "signers and thresholds of the account {}", signers),
    ]


def _of_both(given: ReconInput) -> list[ReconCheck]:
    config, observed, records, now_s = given
    return [
        _check(
            "Cross-Ledger",
            "cross.governance",
            "who signs on all accounts",
            partial(cross.governance, config, observed, records),
        ),
        _check(
            "Cross-Ledger",
            "cross.attestation",
            "anchors of the audit log",
            partial(cross.attestation, config, observed, records, now_s),
        ),
    ]


def _deep(given: ReconInput) -> list[ReconCheck]:
    config, observed, records, _ = given
    return [
        _check("XRPL", "supply.xrpl", "tokens that are out", partial(xrpl.supply_on_xrpl, observed, records)),
        _check(
            "Stellar", "supply.stellar", "the asset that is out", partial(stellar.supply_on_stellar, observed, records)
        ),
        _check("Platform", "escrow.custody", "escrows against the custodian", partial(cross.custody, records)),
        _check(
            "Platform",
            "audit.coverage",
            "transactions in the audit log",
            partial(cross.audit_coverage, config, records),
        ),
        _check(
            "Cross-Ledger",
            "ledger.signatures",
            "signatures of transactions",
            partial(cross.signatures, config, observed, records),
        ),
    ]


def _for_each(
    ledger: str, id_: str, named: Iterable[str], words: str, judge: Callable[[str], ReconFinding]
) -> list[ReconCheck]:
    """A check of each role or flag, which `judge` is given."""
    return [_check(ledger, f"{id_}.{each}", words.format(each), partial(judge, each)) for each in named]


def _check(ledger: str, id_: str, words: str, judge: Callable[[], ReconFinding]) -> ReconCheck:
    return ReconCheck(id_, words, ledger, CRITICAL, judge)


def _roles(config: Document, ledger: str, known: Sequence[str]) -> list[str]:
    """The roles of a configuration, the known ones first; those of the house where it names none: their checks say then
    what is missing."""
    part = config.get(ledger)
    accounts = part.get("accounts") if isinstance(part, Mapping) else None
    named = [*accounts] if isinstance(accounts, Mapping) and accounts else [*known]
    return [role for role in known if role in named] + [role for role in named if role not in known]
