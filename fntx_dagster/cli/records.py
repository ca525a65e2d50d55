"""What the commands about signed records show a person: roots, receipts, verdicts, corrections, a trader's record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from fntx_dagster.cli.commands import as_typed
from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, line, new_table, note, out, outcome, styled
from fntx_dagster.report.money import plain

if TYPE_CHECKING:
    from fntx_dagster.model.chain import SignedDay, Version
    from fntx_dagster.services.signatures.checking import Checked, Disclosed
    from fntx_dagster.services.signatures.history import HistoryDay
    from fntx_dagster.services.signatures.posting import Posting
    from fntx_dagster.services.signatures.register import RegisterRow
    from fntx_dagster.services.signatures.signing import Proposal, Signing
    from fntx_dagster.services.signatures.values import Catalogue, Difference
    from fntx_dagster.services.signatures.verifying import RecordVerdict

_NO_CURRENCY = "(in the account's base currency, which is not disclosed)"
_UNITS_IN_THE_VALUE = ("ascii_letters", "sha256")
"""A value of these shows what it is; its unit is not printed."""


def print_signature(signed: Signing) -> None:
    """The records of a range, those that were signed before among them, and a warning for each drifted day."""
    for warning in signed.warnings:
        note(f"warning: {warning}")
    print_frozen(signed.new, "signed now")
    print_frozen(signed.kept, "signed before, unchanged")


def print_frozen(records: Sequence[SignedDay], when: str = "signed now") -> None:
    """The Merkle root of each record."""
    for day in records:
        version = f", version {day.version}" if day.version > 1 else ""
        version += "" if day.extension else ", before the extension"
        out(f"{day.trading_day}  Merkle root  0x{day.root.hex()}  ({when}{version})")


def print_posting(posted: Posting) -> None:
    """The transaction of each record that is on the chain."""
    for receipt in posted.new + posted.kept:
        when = "posted now" if receipt in posted.new else "posted before"
        state = "" if receipt.is_final else ", not final yet"
        out(f"{receipt.trading_day}  transaction  {receipt.tx_hash}  (block {receipt.block_number}, {when}{state})")


def print_verdict(verdict: RecordVerdict) -> None:
    """Every way in which the database, the record and the chain disagree, or that they agree."""
    _print_differences(verdict.differences)
    for problem in verdict.problems:
        out(line(BAD, f" {as_typed(problem)}"))
    if verdict.holds:
        posted = f"block {verdict.posted.block_number}" if verdict.posted else "no stored receipt"
        out(line(GOOD, f" {verdict.day.trading_day}: database, signed record and chain agree ({posted})"))
        out(f"  Merkle root  0x{verdict.day.root.hex()}")
        out(f"  extension    {verdict.day.extension_root or 'none: signed before the extension'}")
    else:
        out(f"{verdict.day.trading_day} does not verify.")


def print_proposals(proposals: Sequence[Proposal]) -> None:
    """Each day that would get a new version, metric by metric, and the record that it would replace."""
    for proposal in proposals:
        signed = proposal.before
        if proposal.held:
            out(f"{signed.trading_day}: the chain holds another record, 0x{proposal.held.root.hex()}; ours replaces it")
        else:
            out(f"{signed.trading_day}, version {signed.version} as signed:")
        if signed.extension is None:
            out("  it was signed before the extension, which the new version brings")
        elif not proposal.differences and not proposal.held:
            out("  it was signed before its commitments were computed, which the new version brings")
        _print_differences(proposal.differences)


def print_checked(checked: Checked) -> None:
    """A disclosure's metrics, the trader who signed them, what the check found, and what it did not look at."""
    disclosure = checked.disclosure
    if disclosure is not None:
        context = disclosure.context
        version = f", version {disclosure.version}" if disclosure.version > 1 else ""
        out(f"{context.day}{version}, trader {context.trader}")
        out(f"contract {context.contract} on chain {context.chain_id}")
        out(f"root 0x{disclosure.root.hex()}")
        currency = next((metric.value for metric, _ in checked.verdicts if metric.name == "base_currency"), None)
        for metric, leads in checked.verdicts + checked.of_extension:
            out(line("  ", GOOD if leads else BAD, f" {metric.name} = {_shown(metric, currency)}"))
    sign = BAD if checked.problems else GOOD
    if checked.holds and (checked.away is not None or checked.superseded_by is not None):
        sign = DOUBTFUL
    outcome(sign, checked.verdict, checked.problems, checked.notes, checked.not_checked)


def history_table(days: Sequence[HistoryDay], late: timedelta, settled_at: datetime) -> Table:
    """A trader's record: a row per session and version. It marks what is missing, late or corrected, and as not final
    what was posted after `settled_at`."""
    from fntx_dagster.services.signatures.history import in_words

    table = new_table("session", "posted at (UTC)", right=("behind the close",))
    table.add_column("version", no_wrap=True)
    table.add_column("root", no_wrap=True)
    table.add_column("remark", overflow="fold")
    for day in days:
        if day.is_gap:
            table.add_row(f"{day.day}", "–", "–", "–", "–", styled("gap: no record", "red"))
        for version in day.versions:
            record = version.record
            table.add_row(
                f"{day.day}" if record.version == 1 else "",
                f"{record.posted_at:%Y-%m-%d %H:%M}",
                in_words(day.behind(version)),
                f"{record.version}",
                f"0x{record.root.hex()}",
                _remark(day, version, late, settled_at),
            )
    return table


def catalogue_table(catalogue: Catalogue, title: str) -> Table:
    """Every metric of a catalogue, by slot."""
    from fntx_dagster.services.signatures.values import not_computed

    table = new_table("metric", "unit", "category", right=("slot", "decimals"))
    for metric in catalogue.metrics:
        table.add_row(metric.name, metric.unit, metric.category, f"{metric.index}", f"{metric.decimals}")
    table.title, table.caption_justify = f"{title}, version {catalogue.version}", "left"
    if empty := not_computed(catalogue):
        table.caption = f"Null in every record so far: {', '.join(empty)}."
    return table


def register_table(rows: Sequence[RegisterRow]) -> Table:
    """What was shown of accounts, newest first."""
    from fntx_dagster.services.signatures.register import shown_names

    table = new_table("shown at", "account", "days", "by", "what", "for", "made by", right=())
    for row in rows:
        days = f"{row.first_day}" if row.first_day == row.last_day else f"{row.first_day} to {row.last_day}"
        table.add_row(
            f"{row.shown_at:%Y-%m-%d %H:%M}",
            row.account_id,
            days,
            row.kind,
            ", ".join(shown_names(row)),
            row.audience or "",
            row.shown_by,
        )
    return table


def _print_differences(differences: Sequence[Difference]) -> None:
    for difference in differences:
        signed, current = _value(difference.signed), _value(difference.found)
        out(line(BAD, f" {difference.metric}: signed {signed}, the database says {current}"))


def _value(value: Decimal | None) -> str:
    return "nothing" if value is None else plain(value)


def _shown(metric: Disclosed, currency: str | None) -> str:
    """A metric's value with its unit; an amount means nothing where its currency is not disclosed beside it."""
    if metric.value is None:
        return "null (undefined on that day)"
    if metric.unit == "base_currency":
        return f"{metric.value} {currency or _NO_CURRENCY}"
    return metric.value if metric.unit in _UNITS_IN_THE_VALUE else f"{metric.value} {metric.unit}"


def _remark(day: HistoryDay, version: Version, late: timedelta, settled_at: datetime) -> Text:
    remarks: list[str | Text] = []
    if day.closes_at is None:
        remarks.append("no session of the calendar")
    elif day.is_early(version):
        remarks.append(styled("posted before the close", "red"))
    elif day.is_late(version, late):
        remarks.append(styled("late", "yellow"))
    if version.reason is not None:
        remarks.append(line(styled("correction:", "yellow"), f' "{version.reason}"'))
    if version.record.posted_at > settled_at:
        remarks.append(styled("not final", "yellow"))
    return Text(", ").join(line(remark) for remark in remarks)
