"""The broker: tokens, queries, and whether the last statements hold what is read of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from fntx_dagster.adapters.flex.query import DELIVERY, MENU, NEEDED_FIELDS, OPTION_FIELDS, query_sections
from fntx_dagster.adapters.flex.service import FlexService
from fntx_dagster.adapters.flex.webservice import ask_whether_token_is_valid
from fntx_dagster.errors import FntxError, labels
from fntx_dagster.report.clock import utc_minute
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.doctor.checks import NO_DATABASE, CheckResult, Circumstances, advice, right, unused, wrong
from fntx_dagster.services.fetching import shared_times
from fntx_dagster.services.loading import unloaded
from fntx_dagster.store.raw_flex import fetches
from fntx_dagster.store.raw_flex.delivered import Delivered, delivered

_PATIENCE = timedelta(seconds=20)


def tokens_are_valid(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Ask the service about each token with the one request that generates no statement."""
    flex = circumstances.settings.flex
    if not flex.tokens:
        yield unused("no token in the settings: statements come by hand")
    service = FlexService(
        limits_folder=circumstances.settings.paths.limits,
        times=circumstances.db and shared_times(circumstances.settings, circumstances.db),
        base_url=flex.url,
        hosts=flex.hosts,
        deadline=_PATIENCE,
        timeout=_PATIENCE / 2,
    )
    for login, token in flex.tokens.items():
        try:
            ask_whether_token_is_valid(service, token, login)
            yield right(f"{login}: the service accepts it")
        except FntxError as error:
            yield wrong(error.message, error.way_out)


def queries_answered(circumstances: Circumstances) -> Iterator[CheckResult]:
    """What the service said to the last request of each query."""
    flex = circumstances.settings.flex
    if not flex.queries:
        yield unused("no query in the settings")
        return
    if circumstances.db is None:
        yield NO_DATABASE
        return
    answers = {(fetch.login, fetch.query): fetch for fetch in fetches.latest(circumstances.db)}
    for login, queries in flex.queries.items():
        for query in queries:
            last = answers.get((login, query))
            if last is None:
                yield advice(f"{query} was never fetched", "Fetch it with `fntx fetch`, or let `fntx ui` do it")
            elif last.outcome in ("failed", "refused"):
                yield wrong(last.said or f"{query} was {last.outcome}", "" if last.said else "Try `fntx fetch`")
            else:
                yield right(f"{query} was answered on {utc_minute(last.asked_at)}")


def statements_hold_what_is_read(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Compare sections and fields of each account's last statements with those that are read."""
    if circumstances.db is None:
        yield NO_DATABASE
        return
    last = delivered(circumstances.db)
    if not last:
        yield unused("nothing is loaded yet")
    if waiting := unloaded(circumstances.settings, circumstances.db):
        files = f"{waiting[0]} and {len(waiting) - 1} more files" if len(waiting) > 1 else waiting[0]
        yield advice(
            f"not loaded from {archive_of(circumstances.settings, circumstances.db)}: {files}",
            "`fntx load` loads them, or says why it cannot",
        )
    shown = labels(last)
    for account, found in last.items():
        lacking = [*_lacking(found)]
        for what, way_out in lacking:
            yield wrong(f"the last statements of {shown[account]} lack {what}", way_out)
        if others := _others(found):
            yield advice(
                f"the last statements of {shown[account]} also lack {'; '.join(others)}",
                "Figures that need them are left out or less exact; `fntx init` lists what each section is for",
            )
        if not lacking:
            yield right(f"{shown[account]}: every section and field that a day needs is delivered")


def _lacking(found: Delivered) -> Iterator[tuple[str, str]]:
    """What no day can be built without: what it is, and what to do."""
    edit = f"{MENU.removesuffix(', +')}"
    for section in query_sections():
        if section.is_needed and section.table not in found.sections:
            if section.table == "change_in_nav" and "total" in found.fields.get("equity_summary", ()):
                continue  # it gives the NAV too
            yield f"the section {section.title}", f"Add it to the query ({edit}), save, and load the statement again"
    for table, needed in NEEDED_FIELDS.items():
        there = found.fields.get(table)
        if there is None:
            continue
        wanted = [*needed, *(OPTION_FIELDS if found.has_options else ())]
        absent = [field for field in wanted if not {*field.split("|")} & there]
        if absent:
            names = ", ".join(field.replace("|", " or ") for field in absent)
            yield (
                f"the fields {names} of {table}",
                f"Add them to the query ({edit}), save, and load the statement again",
            )
    if found.is_without_times:
        yield (
            "a time of day in dateTime",
            f"Set the query's time format to {DELIVERY['Time Format']}, and load the statement again",
        )


def _others(found: Delivered) -> list[str]:
    """Sections that some figures need."""
    return [
        f"{section.title} ({section.purpose})"
        for section in query_sections()
        if not section.is_needed and section.table not in found.sections
    ]
