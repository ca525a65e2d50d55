"""Signing the days of a run, and what a person has to know of signed days: refusals, and figures that have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from fntx_dagster.errors import without_accounts
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts
from fntx_dagster.services.signatures.commitments import is_provable
from fntx_dagster.services.signatures.drifting import Unjudged, drifts
from fntx_dagster.services.signatures.refusals import Beginning, Refusal
from fntx_dagster.services.signatures.signing import drift_of, sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import Labels, account_labels


class SignedRange(NamedTuple):
    """What signing a range did, in numbers of days, of which `provable` can be in a proof of a period; of each day and
    masked account the Merkle root (0x…) and that of the extension, None where the day was signed before there was one;
    the accounts that had to stop, of which `alerts` are those that no other check reports."""

    new: int
    kept: int
    drifted: int
    provable: int
    roots: list[tuple[date, str, str, str | None]]
    refused: list[Finding]
    alerts: list[Finding]


def sign_days(
    settings: Settings, db: Database, period: Period, beginning: Beginning, only: Accounts = None
) -> SignedRange:
    """Sign every day of a range that is built, complete and verified, account by account, of all or of those of `only`.
    Signing does not contact a node: the records are queued for the chain."""
    outcome, labels = sign(settings, db, period, beginning=beginning, only=only), account_labels(db)
    return SignedRange(
        len(outcome.new),
        len(outcome.kept),
        len(outcome.drifted),
        sum(map(is_provable, outcome.new + outcome.kept)),
        [
            (signed.trading_day, labels[signed.account_id], f"0x{signed.root.hex()}", signed.extension_root)
            for signed in outcome.new + outcome.kept
        ],
        *refused_accounts(outcome.refused, outcome.refused, labels),
    )


def refused_accounts(
    refused: Sequence[Refusal], of_keys: Iterable[Refusal], labels: Labels
) -> tuple[list[Finding], list[Finding]]:
    """A finding for each refusal, and those of them that are alerts: about keys and funds (`of_keys`). What the day
    itself, or the queue, is to blame for is the finding of another check."""
    findings = {
        refusal: Finding(f"{labels[refusal.account_id]} {refusal.day}", _words(refusal), refusal.day)
        for refusal in refused
    }
    return list(findings.values()), [findings[refusal] for refusal in of_keys if not refusal.is_of_the_day]


class ChangedDays(NamedTuple):
    """The signed days whose figures have changed since, and those that could not be compared, as findings;
    `is_certain`: every day was compared."""

    findings: list[Finding]
    is_certain: bool


def changed_days(db: Database, only: Accounts = None) -> ChangedDays:
    """Compare every signed day, of all accounts or of those of `only`, with the tables, whatever the run's range: a
    statement corrects days from before it. Nothing is amended without a person."""
    (changed, unjudged), labels = drifts(db, only), account_labels(db)
    drifted = [
        Finding(
            f"{labels[drift.signed.account_id]} {drift.signed.trading_day}",
            f"{labels[drift.signed.account_id]}: {drift_of(*drift)}",
            drift.signed.trading_day,
        )
        for drift in changed
    ]
    return ChangedDays([*drifted, *_unjudged(unjudged, labels)], not unjudged)


def _words(refusal: Refusal) -> str:
    return f"from {refusal.day} on: {without_accounts(str(refusal.error))}"


def _unjudged(days: Sequence[Unjudged], labels: Labels) -> Iterator[Finding]:
    """One finding per account, whatever the number of its days."""
    by_account: dict[str, list[Unjudged]] = {}
    for day in days:
        by_account.setdefault(day.signed.account_id, []).append(day)
    for account_id, own in by_account.items():
        label, more = labels[account_id], f" and {len(own) - 1} more" if len(own) > 1 else ""
        text = f"{label}: {own[0].signed.trading_day}{more} could not be compared with what was signed: "
        yield Finding(f"{label} not compared", text + without_accounts(str(own[0].error)))
