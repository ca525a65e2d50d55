"""What a person has to know: raised once, open until it is over, delivered once to each destination.

A finding that is observed again while its alert is open changes nothing that is shown. An alert that a person has
dismissed is neither shown nor sent, and not raised again before it is over. This module keeps the alerts;
`services.alerting` looks for them, and `adapters/apprise` sends them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import LiteralString, NamedTuple

from psycopg.rows import class_row

from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.queries import columns, one_value


class Alert(NamedTuple):
    """A row of alerts. `kind` groups for people (verification, statements, funds, …), `source` is the check or
    job that observed it."""

    alert_id: int
    kind: str
    source: str
    subject: str
    trading_day: date | None
    text: str
    raised_at: datetime
    resolved_at: datetime | None


class PastAlert(NamedTuple):
    """An alert that is over, or that somebody dismissed: `dismissed_by` and `dismissed_reason` where he said so."""

    alert_id: int
    kind: str
    source: str
    text: str
    raised_at: datetime
    resolved_at: datetime | None
    dismissed_at: datetime | None
    dismissed_by: str | None
    dismissed_reason: str | None


def observe(
    db: Database,
    kind: str,
    source: str,
    findings: Sequence[Finding],
    days: Period | None = None,
    whole: bool = True,
    looked: Sequence[str] | None = None,
    among: Sequence[str] | None = None,
) -> None:
    """Open an alert for each finding that has none, and resolve the source's open ones that were not observed again:
    all of them, or those about a session within `days` or of the subjects `looked` where only those were
    looked at; none where `whole` is False, because there are more findings than these. Of those that name an account by
    its label, only the ones of the labels `among` are resolved, where these were looked at alone."""
    with db.connect() as connection:
        connection.execute(
            """update alm_reporting.alerts set resolved_at = clock_timestamp()
            where %(whole)s and source = %(source)s and resolved_at is null and subject <> all (%(subjects)s)
                and (%(first)s::date is null or trading_day between %(first)s and %(last)s)
                and (%(looked)s::text[] is null or subject = any(%(looked)s))
                and (%(among)s::text[] is null or exists (
                    select from unnest(%(among)s::text[]) as label where position(label in subject) > 0
                ))""",
            {
                "whole": whole,
                "source": source,
                "subjects": [finding.subject for finding in findings],
                "first": days.first if days else None,
                "last": days.last if days else None,
                "looked": None if looked is None else list(looked),
                "among": None if among is None else list(among),
            },
        )
        for finding in findings:
            # the update writes what is there, and so leaves the mark of an observation: see `unresolved`
            connection.execute(
                """insert into alm_reporting.alerts (kind, source, subject, trading_day, text)
                values (%s, %s, %s, %s, %s)
                on conflict (source, subject) where resolved_at is null do update set subject = excluded.subject""",
                (kind, source, finding.subject, finding.day, finding.text),
            )


def note_assignments(db: Database, since: date) -> int:
    """Raise an alert for each option assigned in a session from `since` on; each is raised once, even when
    its day is rebuilt."""
    labels = account_labels(db)
    with db.connect() as connection:
        rows = connection.execute(
            """select account_id, session, coalesce(symbol, contract_id), abs(quantity), fill_id
            from alm_reporting.fills
            where event_type = 'assignment' and session >= %s order by session, account_id, fill_id""",
            (since,),
        ).fetchall()
        new = 0
        for account, session, symbol, quantity, fill_id in rows:
            label = labels[account]
            new += connection.execute(
                """insert into alm_reporting.alerts (kind, source, subject, trading_day, text, resolved_at)
                select 'assignment', 'assignments', %(subject)s, %(day)s, %(text)s, clock_timestamp()
                where not exists (
                    select from alm_reporting.alerts where source = 'assignments' and subject = %(subject)s
                )""",
                {
                    "subject": f"{label} {fill_id}",
                    "day": session,
                    "text": f"{label}: {quantity.normalize():f} {symbol.strip()} assigned in session {session}",
                },
            ).rowcount
        return new


def raised_subjects(db: Readable, source: str, subjects: Sequence[str]) -> set[str]:
    """Of these subjects of a source, those that an alert was ever raised for, over or not."""
    with db.connect() as connection:
        rows = connection.execute(
            "select distinct subject from alm_reporting.alerts where source = %s and subject = any(%s)",
            (source, list(subjects)),
        )
        return {subject for (subject,) in rows}


def open_alerts(db: Readable, subject: str | None = None) -> list[Alert]:
    """What is not over and nobody has dismissed, of a subject or of all, oldest first."""
    return _alerts(db, "resolved_at is null and dismissed_at is null and subject = coalesce(%s, subject)", (subject,))


def unresolved(db: Readable) -> dict[Alert, str]:
    """What is not over, dismissed or not, oldest first, each with the mark of the transaction that wrote it last: to
    observe the alert again writes it."""
    with db.connect() as connection:
        rows = connection.execute(
            f"""select xmin::text, {columns(Alert._fields)} from alm_reporting.alerts
            where resolved_at is null order by alert_id"""
        )
        return {Alert(*row): mark for mark, *row in rows}


def resolve(db: Database, marks: Mapping[Alert, str]) -> None:
    """Mark alerts as over, each only where nobody has written it since it had this mark."""
    if marks:
        with db.connect() as connection:
            connection.execute(
                """update alm_reporting.alerts as alert set resolved_at = clock_timestamp()
                from unnest(%s::bigint[], %s::text[]) as seen (alert_id, mark)
                where alert.alert_id = seen.alert_id and alert.xmin::text = seen.mark and resolved_at is null""",
                ([alert.alert_id for alert in marks], list(marks.values())),
            )


def past_alerts(db: Readable, kind: str | None, before: int | None, limit: int) -> list[PastAlert]:
    """What is over or was dismissed, of a kind or all, newest first: those with a number below `before`, so many at
    most."""
    with db.connect() as connection, connection.cursor(row_factory=class_row(PastAlert)) as cursor:
        return cursor.execute(
            f"""select {columns(PastAlert._fields)} from alm_reporting.alerts
            where (resolved_at is not null or dismissed_at is not null) and kind = coalesce(%(kind)s, kind)
                and (%(before)s::bigint is null or alert_id < %(before)s)
            order by alert_id desc limit %(limit)s""",
            {"kind": kind, "before": before, "limit": limit},
        ).fetchall()


def dismiss(db: Database, alert_ids: Sequence[int], by: str | None = None, reason: str | None = None) -> None:
    """Mark open alerts as dismissed by a person, with what he says of them."""
    with db.connect() as connection:
        connection.execute(
            """update alm_reporting.alerts
            set dismissed_at = clock_timestamp(), dismissed_by = %s, dismissed_reason = %s
            where alert_id = any(%s) and resolved_at is null and dismissed_at is null""",
            (by, reason, list(alert_ids)),
        )


def newest(db: Readable) -> int:
    """The id of the alert that was raised last; 0 before the first."""
    with db.connect() as connection:
        return one_value(connection.execute("select coalesce(max(alert_id), 0) from alm_reporting.alerts"))


def raised_after(db: Readable, alert_id: int) -> list[Alert]:
    """What was raised after another alert, over or not, oldest first."""
    return _alerts(db, "alert_id > %s", (alert_id,))


def undelivered(db: Readable, destination: str, since: datetime) -> list[Alert]:
    """What has not reached a destination and nobody has dismissed, oldest first: what is open, and of the rest what was
    raised since then."""
    condition = "dismissed_at is null and (resolved_at is null or raised_at >= %s) and %s <> all (delivered_to)"
    return _alerts(db, condition, (since, destination))


def mark_delivered(db: Database, alerts: Sequence[Alert], destination: str) -> None:
    with db.connect() as connection:
        connection.execute(
            """update alm_reporting.alerts set delivered_to = array_append(delivered_to, %(to)s)
            where alert_id = any(%(ids)s) and %(to)s <> all (delivered_to)""",
            {"to": destination, "ids": [alert.alert_id for alert in alerts]},
        )


def _alerts(db: Readable, condition: LiteralString, values: Sequence[object]) -> list[Alert]:
    with db.connect() as connection, connection.cursor(row_factory=class_row(Alert)) as cursor:
        return cursor.execute(
            f"select {columns(Alert._fields)} from alm_reporting.alerts where {condition} order by alert_id", values
        ).fetchall()
