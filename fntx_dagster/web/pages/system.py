"""`/system`: how the platform runs, for those who run it: files, fetches, queue, runs, versions; the doctor is asked
here."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from fntx_dagster.services.accounts import NumberedAccount
from fntx_dagster.services.dashboard.system import EXAMINATIONS, SystemShown, system
from fntx_dagster.services.status import AccountState
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link

_FINE = ("SUCCESS", "SUCCEEDED", "RUNNING", "SKIPPED", "fetched", "final", "mined", "right")
_ILL = ("FAILURE", "FAILED", "CANCELED", "failed", "refused", "wrong")


def show(asked: Asked) -> Answer:
    """The state of the platform; with a form, the doctor looks."""
    settings = asked.site.settings
    if asked.acts:
        EXAMINATIONS.begin(settings, asked.site.clock())
        return RedirectResponse("/system#doctor", 303)
    platform = system(settings, asked.desk)
    examined = EXAMINATIONS.last(settings)
    values = {
        "platform": platform,
        "dagster_url": settings.ui.url.rstrip("/"),
        "accounts": Grid("Accounts", _ACCOUNTS, [_account(*each) for each in platform.accounts], words=2),
        "missing": [_days(account, state) for account, state in platform.accounts if state.missing or state.to_build],
        "fetches": _fetches(platform),
        "queue": _queue(platform),
        "watcher": _watcher(platform),
        "runs": _runs(platform, settings.ui.url.rstrip("/")),
        "automations": _automations(platform),
        "examined": examined,
        "may_act": asked.visitor.may_act,
        "doctor": Grid(
            "Doctor",
            ("Check", "Health", "What was found", "What to do"),
            [(each.check, _badge(each.health.value), each.text, each.way_out) for each in examined.found]
            if examined
            else [],
            words=4,
        ),
        "size": _size(platform.versions.server.size),
    }
    return Shown("system.html.j2", "System", values)


_ACCOUNTS = (
    "Account",
    "Calendar",
    "Files",
    "From",
    "To",
    "Missing",
    "Built",
    "To build",
    "Failing",
    "Signed",
    "Posted",
    "Waiting",
    "Failed",
)


def _account(account: NumberedAccount, state: AccountState) -> tuple[Cell, ...]:
    counts = (state.failing_verification, state.signed, state.posted, state.waiting, state.failed)
    return (
        Link(account.label, f"/a/{account.number}"),
        state.calendar,
        f"{state.files:,}",
        words.day(state.first_day),
        words.day(state.last_day),
        f"{len(state.missing):,}",
        f"{state.built:,}",
        f"{len(state.to_build):,}",
        *(f"{count:,}" for count in counts),
    )


def _days(account: NumberedAccount, state: AccountState) -> tuple[str, str, str]:
    """An account's label, the sessions that are missing, and those to build: the newest of each."""
    return account.label, words.listed(state.missing), words.listed(state.to_build)


def _badge(word: str) -> Badge:
    return Badge(word.lower(), "good" if word in _FINE else "bad" if word in _ILL else "")


def _fetches(platform: SystemShown) -> Grid:
    rows = [
        (
            fetch.query,
            fetch.login,
            _badge(fetch.outcome),
            f"{fetch.first_day} to {fetch.last_day}",
            words.moment(fetch.asked_at),
            "" if fetch.said is None else f"{fetch.code or ''} {fetch.said}".strip(),
        )
        for fetch in platform.fetches
    ]
    return Grid("Fetches", ("Query", "Token", "Outcome", "Days", "Asked", "Said"), rows, words=6)


def _queue(platform: SystemShown) -> Grid:
    labels = {account.account_id: account for account, _ in platform.accounts}
    rows: list[tuple[Cell, ...]] = []
    for record, attempts in platform.queue:
        account = labels.get(record.account_id)
        day = f"{record.trading_day}"
        rows.append(
            (
                Link(f"{account.label}, {day}", f"/a/{account.number}/day/{day}") if account else day,
                _badge(record.state),
                words.moment(record.queued_at),
                record.error or "",
                f"{record.version}",
                f"{attempts}",
            )
        )
    for each in platform.commitments:
        signal = f"signal {each.unique_id} of {each.strategy_code}"
        rows.append(
            (signal, _badge(each.state), words.moment(each.queued_at), each.error or "", words.NONE, words.NONE)
        )
    return Grid("Queue", ("Record", "State", "Queued", "Error", "Version", "Attempts"), rows, words=4)


def _watcher(platform: SystemShown) -> Grid:
    rows = [
        (
            task.task,
            task.problem or "none",
            task.holder,
            f"{task.age:,} s ago",
            "never" if task.success_age is None else f"{task.success_age:,} s ago",
        )
        for task in platform.watcher
    ]
    return Grid("Watcher", ("Task", "Problem", "By", "Worked", "Succeeded"), rows, words=3)


def _runs(platform: SystemShown, url: str) -> Grid:
    rows = [
        (
            Link(run.run_id[:8], f"{url}/runs/{run.run_id}"),
            run.job,
            _badge(run.status),
            words.moment(run.created_at),
            words.moment(run.started_at),
            words.moment(run.ended_at),
        )
        for run in (platform.dagster.runs if platform.dagster else [])
    ]
    return Grid("Runs", ("Run", "Job", "State", "Asked for", "Began", "Ended"), rows, words=6)


def _automations(platform: SystemShown) -> Grid:
    rows = [
        (
            each.name,
            each.kind,
            each.status.replace("_", " ").lower(),
            _badge(each.tick or "none"),
            words.moment(each.ticked_at),
        )
        for each in (platform.dagster.automations if platform.dagster else [])
    ]
    return Grid("Schedules and sensors", ("Name", "Kind", "Switched", "Last tick", "When"), rows, words=5)


def _size(number: int) -> str:
    return f"{number / 10**6:,.1f} MB" if number < 10**9 else f"{number / 10**9:,.2f} GB"
