"""`/a/{n}/disclose`: choose days and metrics, see what follows from them, then make a link or a file; or figures of a
period, proved without its days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from starlette.responses import Response

from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.report.metric_names import metric_name
from fntx_dagster.services.dashboard.overview import newest_day
from fntx_dagster.services.sharing.making import (
    LONGEST_NOTE,
    LinkTerms,
    MadeLink,
    PlanChanged,
    make_file,
    make_link,
    refuse_changed,
)
from fntx_dagster.services.sharing.planning import Follows, SharePlan, plan
from fntx_dagster.services.signatures.period_proofs import PERIOD_NAMES, PeriodRequest, notes_on, prove_period
from fntx_dagster.services.signatures.register import in_words
from fntx_dagster.services.signatures.values import not_computed, signed_metrics
from fntx_dagster.services.visitors.entering import ON_THIS_MACHINE
from fntx_dagster.serving.asgi import is_loopback
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown

LASTS = (("7", "a week"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until you end it"))
_MOST_BOXES = 66
"""Days that can be chosen one by one: a quarter. A longer period is shown whole."""
_BOUNDS = ("worst_day", "drawdown")
_NAMED = 3


class _Wish(NamedTuple):
    """What a visitor wants to show. `days` is None for every signed day of the period."""

    period: Period
    metrics: list[str]
    days: list[date] | None

    @property
    def query(self) -> str:
        """The same as the query of an address."""
        days = [("day", f"{day}") for day in self.days or ()]
        metrics = [("metric", name) for name in self.metrics]
        return urlencode([("from", f"{self.period.first}"), ("to", f"{self.period.last}"), *metrics, *days])


def show(asked: Asked) -> Answer:
    """The form; with days and metrics, what follows from them; with a sent form, what was made of it."""
    if not asked.visitor.may_act:
        raise NotFound
    newest = newest_day(asked.site.db, asked.account)
    if newest is None:
        return Shown("disclose.html.j2", "Show to a stranger", _values(asked, None, [], None))
    query = asked.request.query_params
    wish = _Wish(
        asked.period(Period(newest.replace(day=1), newest)),
        query.getlist("metric"),
        [_day(text) for text in query.getlist("day")] or None,
    )
    try:
        if asked.acts:
            return _made(asked, wish)
        return _form(asked, wish)
    except PlanChanged as refusal:
        return _form(asked, wish, refusal)
    except Permanent as refusal:
        return _refused(_values(asked, wish, [], None), refusal)


def _form(asked: Asked, wish: _Wish, refusal: Permanent | None = None) -> Shown:
    """The form and, once figures are chosen, what would be shown as it is now."""
    planned, every = _planned(asked, wish) if wish.metrics else (None, [])
    values = _values(asked, wish, every, planned)
    return _refused(values, refusal) if refusal else Shown("disclose.html.j2", "Show to a stranger", values)


def _refused(values: dict[str, object], refusal: Permanent) -> Shown:
    said = without_accounts(f"{refusal.message}. {refusal.way_out}")
    return Shown("disclose.html.j2", "Show to a stranger", values | {"refusal": said}, 409)


def _planned(asked: Asked, wish: _Wish) -> tuple[SharePlan, list[date]]:
    """What would be shown, and every day that could be chosen."""
    account = asked.account.account_id
    with asked.site.db.snapshot() as snapshot:
        planned = plan(snapshot, account, wish.period, wish.metrics, wish.days)
    return planned, sorted({day for day, _ in planned.days} | {*planned.left_out})


def _made(asked: Asked, wish: _Wish) -> Answer:
    site, account, form = asked.site, asked.account.account_id, asked.form
    by, agreed = asked.visitor.user_id, form.get("plan", "")
    if form.get("action") == "period":
        return _period(asked, wish.period, by)
    if form.get("action") == "file":
        planned, _ = _planned(asked, wish)
        refuse_changed(planned, agreed)
        if len(planned.days) != 1:
            raise Permanent("a file shows one day", "Choose one day, or make a link")
        [(day, version)] = planned.days
        document = make_file(site.settings, site.db, account, day, wish.metrics, version, by=by, isolate=True)
        return _as_file(document, f"disclosure-{day}.json")
    if form.get("action") != "link" or form.get("lasts") not in dict(LASTS):
        raise BadAddress("action is link, file or period, lasts one of those offered")
    lasts = timedelta(days=int(form["lasts"])) if form["lasts"] else None
    terms = LinkTerms(form.get("note", "").strip(), lasts, form.get("node", "").strip() or None)
    made = make_link(site.settings, site.db, account, wish.period, wish.metrics, terms, wish.days, by=by, digest=agreed)
    return Shown("made.html.j2", "A link was made", _of_link(asked, made))


def _period(asked: Asked, period: Period, by: str) -> Response:
    """The file that proves the chosen figures of a period. What would let days stand alone is refused here, and only
    the terminal overrides that."""
    form, site = asked.form, asked.site
    names = [name for name in PERIOD_NAMES if form.get(f"show-{name}")]
    bounds = [f"{name}={percent}" for name in _BOUNDS if (percent := form.get(name, "").strip())]
    request = PeriodRequest([asked.account.account_id], period, names, bounds, form.get("audience", "").strip() or None)
    proved = prove_period(site.settings, site.db, request, by=by)
    return _as_file(proved.text, f"period-{period.first}-{period.last}.json")


def _as_file(document: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(document, media_type="application/json", headers=headers)


def _of_link(asked: Asked, made: MadeLink) -> dict[str, object]:
    origin = asked.site.settings.web.origin or f"{asked.request.base_url}".rstrip("/")
    badge = (
        f'<iframe src="{origin}/badge/{made.token}" title="Track record" width="440" height="96" loading="lazy" '
        f'sandbox="allow-scripts allow-same-origin allow-popups"></iframe>'
    )
    return {
        "made": made,
        "url": f"{origin}{made.path}",
        "hint": ON_THIS_MACHINE if is_loopback(urlsplit(origin).hostname or "") else "",
        "badge": badge,
        "follows": _follows(made.plan.follows),
    }


def _values(asked: Asked, wish: _Wish | None, every: Sequence[date], planned: SharePlan | None) -> dict[str, object]:
    chosen = {day for day, _ in planned.days} if planned else set()
    return {
        "wish": wish,
        "planned": planned,
        "groups": _groups(),
        "boxes": [(day, day in chosen) for day in every] if len(every) <= _MOST_BOXES else [],
        "follows": [*_follows(planned.follows), *_alone(planned)] if planned else [],
        "gaps": _gaps(planned) if planned else [],
        "figures": PERIOD_NAMES,
        "period_notes": notes_on(asked.site.db, asked.account.account_id, wish.period) if wish else [],
        "lasts": LASTS,
        "longest_note": LONGEST_NOTE,
        "refusal": "",
    }


def _groups() -> list[tuple[str, list[str]]]:
    """The metrics that have values, by category; those of the extension after the record's."""
    groups: list[tuple[str, list[str]]] = []
    for catalogue, beside in zip(signed_metrics(), ("", ", of the extension"), strict=True):
        empty = {*not_computed(catalogue), "extension_root"}
        kept = sorted((each for each in catalogue.metrics if each.name not in empty), key=lambda each: each.category)
        for category, own in groupby(kept, lambda each: each.category):
            groups.append((f"{category}{beside}", [each.name for each in own]))
    return groups


def _follows(figures: Sequence[Follows]) -> list[str]:
    return [
        f"{metric_name(each.metric)} of {_days(each.days)} follows from {'; '.join(map(_source, each.sources))}"
        f"{'' if each.is_exact else ', nearly'}"
        for each in figures
    ]


def _alone(planned: SharePlan) -> list[str]:
    return [f"{in_words(planned.alone)} would stand alone: two figures would tell theirs"] if planned.alone else []


def _source(text: str) -> str:
    """What a figure follows from: a metric in words, and what is said of it."""
    name, space, more = text.partition(" ")
    return f"{metric_name(name)}{space}{more}"


def _gaps(planned: SharePlan) -> list[str]:
    return [
        f"{_days(days)} {words}"
        for days, words in (
            (planned.missing, "has no record: the page calls it missing"),
            (planned.not_posted, "is not on the chain yet, and does not hold before it is"),
            (planned.left_out, "has a record that you leave out: the page says so"),
        )
        if days
    ]


def _days(days: Sequence[date]) -> str:
    more = f" and {len(days) - _NAMED} more days" if len(days) > _NAMED else ""
    return ", ".join(map(str, days[:_NAMED])) + more


def _day(text: str) -> date:
    try:
        if len(text) == len("2025-07-17"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadAddress("day is a date: write it as 2025-07-17")
