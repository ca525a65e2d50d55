"""The day that still runs: asks IB Gateway, keeps its snapshot, computes the provisional day from it, narrates it.

The one home of this use case: `adapters.gateway` has the conversation, `accounting.provisional` the arithmetic,
`store.marts.current` the rows, `report.now` the words. A provisional day is never signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.accounting.calendar import session_at
from fntx_dagster.accounting.provisional import today
from fntx_dagster.adapters.gateway.address import gateway_at
from fntx_dagster.adapters.gateway.client import snapshot
from fntx_dagster.errors import FntxError, Permanent, masked
from fntx_dagster.model.day import ProvisionalDay, without_brokers_words
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.report.document import to_json
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.story import narrate
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import current
from fntx_dagster.store.marts.current import Provisional


class GatewayAnswer(NamedTuple):
    """What one account's gateway answered: a snapshot, which is kept, or the error that leaves none to keep."""

    account_id: str
    snapshot: Snapshot | None
    error: FntxError | None

    def __str__(self) -> str:
        return f"{masked(self.account_id)}: {self.error or 'answered'}"


class CurrentDay(NamedTuple):
    """One account now. `day` is None where its gateway gave no snapshot (`error` says why) or its statement has
    arrived already; `notice` is what a person should know beside the day. `cushion` is excess liquidity as a ratio of
    the NAV, None where it is not known."""

    account_id: str
    day: ProvisionalDay | None
    error: FntxError | None
    notice: str | None
    cushion: Decimal | None

    def __str__(self) -> str:
        return f"{masked(self.account_id)}: {self.error or self.notice or 'answered'}"


class CurrentReport(NamedTuple):
    """The current day of each account, and the narrative of those that have one: `narratives` by account as Markdown,
    `text` all of them in the form that was asked for."""

    accounts: list[CurrentDay]
    narratives: dict[str, str]
    text: str


def current_report(
    settings: Settings,
    db: Database,
    observer: ZoneInfo,
    account: str | None = None,
    form: Literal["md", "json"] = "md",
    *,
    labels: Mapping[str, str] | None = None,
    keeps_last: bool = False,
) -> CurrentReport:
    """Ask the gateway of every account, or of one, and narrate each account's provisional day, as Markdown or JSON.

    Times are in the zone of `observer` and in New York's; Markdown calls accounts by `labels`, without the broker's
    own words, else by their ids.
    `keeps_last` as in `current_days`. A gateway that does not answer is part of the result. Raises Permanent where the
    settings name no gateway.
    """
    accounts = current_days(settings, db, account, keeps_last=keeps_last)
    days = [now.day for now in accounts if now.day]
    stories = [narrate(day if labels is None else without_brokers_words(day), observer) for day in days]
    called = {day.account_id: day.account_id for day in days} if labels is None else labels
    narratives = {
        story.day.account_id: to_markdown([story], account_label=called[story.day.account_id]) for story in stories
    }
    return CurrentReport(accounts, narratives, to_json(stories) if form == "json" else "".join(narratives.values()))


def current_days(
    settings: Settings, db: Database, account: str | None = None, *, keeps_last: bool = False
) -> list[CurrentDay]:
    """Ask the gateway of every account, or of one, keep the answers, and compute each account's provisional day at the
    real-time rates of the settings.

    A gateway that does not answer is part of the result. With `keeps_last` its account has the day that was known
    last, if that is a session of which another gateway has answered. Raises Permanent where the settings name no
    gateway.
    """
    answers = refresh(settings, db, account)
    accounts = [_current_day(settings, db, answer) for answer in answers]
    sessions = [session_at(answer.snapshot.as_of).day for answer in answers if answer.snapshot]
    if not keeps_last or not sessions:
        return accounts
    period = Period(min(sessions), max(sessions))
    return [now if now.day else now._replace(day=_last_day(settings, db, now.account_id, period)) for now in accounts]


def refresh(settings: Settings, db: Database, account: str | None = None) -> list[GatewayAnswer]:
    """Ask the gateway of every account, or of one, side by side, and keep the answers.

    An account whose day cannot be computed from the answer (the settings lack its rate) is treated as one whose gateway
    does not answer: the snapshot that was kept before stays. Raises Permanent where the settings name no gateway.
    """
    accounts = [account] if account else sorted(settings.gateway.addresses)
    if not accounts:
        raise Permanent("no IB Gateway is in the settings", "Name one for each account in FNTX_GATEWAYS")
    if account and account not in settings.gateway.addresses:
        raise Permanent(f"account {account} has no IB Gateway in the settings", "Name it in FNTX_GATEWAYS")
    with ThreadPoolExecutor(max_workers=len(accounts)) as pool:
        answers = list(pool.map(lambda account_id: _ask(settings, account_id), accounts))
    return [_kept(settings, db, answer) for answer in answers]


def is_computable(settings: Settings, db: Database, snapshot: Snapshot) -> bool:
    """Whether the account's day can be computed from a snapshot: one from which it cannot is not kept."""
    try:
        if provisional := current.beside_statements(db, snapshot):
            _day(settings, provisional)
    except FntxError:
        return False
    return True


def provisional_days(
    settings: Settings,
    db: Readable,
    period: Period,
    account: str | None = None,
    on_problem: Callable[[str], None] | None = None,
) -> list[ProvisionalDay]:
    """The days of a range that no statement covers yet, by account and day, at the real-time rates of the settings.
    The base currency is the statements'; before the first statement it is the gateway's.

    Where a day cannot be computed, for instance because a rate is missing, `on_problem` gets the reason, with the
    account masked, and the other days are computed. Without `on_problem` the reason is raised, Permanent or Transient.
    """
    days = []
    for provisional in current.provisional(db, period, account):
        try:
            days.append(_day(settings, provisional))
        except FntxError as error:
            if on_problem is None:
                raise
            seen = provisional.snapshot
            on_problem(f"{masked(seen.account_id)} {session_at(seen.as_of).day}: {error}")
    return days


def _current_day(settings: Settings, db: Database, answer: GatewayAnswer) -> CurrentDay:
    account, seen = answer.account_id, answer.snapshot
    if seen is None:
        return CurrentDay(account, None, answer.error, None, None)
    session = session_at(seen.as_of).day
    try:
        days = provisional_days(settings, db, Period.on(session), account)
    except FntxError as error:
        return CurrentDay(account, None, error, None, seen.cushion)
    if not days:
        arrived = f"{session} is built from its statement already: `fntx report`"
        return CurrentDay(account, None, None, arrived, seen.cushion)
    went_back = days[-1].as_of > seen.as_of
    notice = "the gateway's clock went back; this is what it said last" if went_back else None
    return CurrentDay(account, days[-1], None, notice, seen.cushion)


def _last_day(settings: Settings, db: Database, account: str, period: Period) -> ProvisionalDay | None:
    """The day that was known last; an account whose day cannot be computed has none, and does not delay the others."""
    with suppress(FntxError):
        return next(reversed(provisional_days(settings, db, period, account)), None)
    return None


def _ask(settings: Settings, account: str) -> GatewayAnswer:
    try:
        gateway = gateway_at(
            settings.gateway.addresses[account],
            # a gateway that serves several accounts refuses a client id that is in use
            client_id=settings.gateway.client_id + sorted(settings.gateway.addresses).index(account),
            timeout=settings.gateway.timeout,
        )
        return GatewayAnswer(account, snapshot(gateway, account), None)
    except FntxError as error:
        return GatewayAnswer(account, None, error)


def _kept(settings: Settings, db: Database, answer: GatewayAnswer) -> GatewayAnswer:
    """Compute the day before keeping its snapshot: one from which no day can be computed would replace one from which
    it can."""
    if answer.snapshot is None:
        return answer
    try:
        if provisional := current.beside_statements(db, answer.snapshot):
            _day(settings, provisional)
    except FntxError as error:
        return GatewayAnswer(answer.account_id, None, error)
    current.keep(db, answer.snapshot)
    return answer


def _day(settings: Settings, provisional: Provisional) -> ProvisionalDay:
    return today(
        provisional.snapshot,
        base_currency=provisional.base_currency or provisional.snapshot.currency,
        opening_nav_official=provisional.opening_nav,
        rates=settings.accounting.realtime_rates,
    )
