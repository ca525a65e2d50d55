"""`/alerts`: what a person has to know, and what was; an alert is dismissed here, with a reason."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from fntx_dagster.model import live
from fntx_dagster.services.dashboard.alerts import TITLES, PastAlert, alerts_of, dismiss_alert
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, Shown
from fntx_dagster.web.following import following
from fntx_dagster.web.grids import Badge, Cell, Grid, address_of
from fntx_dagster.web.words import listed

_SHORTEST, _LONGEST = 3, 500


def show(asked: Asked) -> Answer:
    """Open and past alerts; with a form, one is dismissed."""
    kind = asked.word("kind", ("any", *TITLES))
    refusal = _dismissed(asked) if asked.acts else None
    if asked.acts and not refusal:
        return RedirectResponse("/alerts", 303)
    before = asked.number("before")
    streamed = {} if refusal else {"streamed": following(asked, live.ALERT)}
    alerts = alerts_of(asked.site.db, None if kind == "any" else kind, before)
    values = streamed | {
        "open": [(alert, TITLES.get(alert.kind, alert.kind)) for alert in alerts.open],
        "missing": [(account, listed(days)) for account, days in alerts.missing],
        "past": Grid("Past alerts", _HEADERS, [_past(alert) for alert in alerts.past], words=len(_HEADERS)),
        "kinds": [("any", "any"), *TITLES.items()],
        "kind": kind,
        "refusal": refusal,
        "may_act": asked.visitor.may_act,
        "older": address_of("/alerts", kind=kind, before=f"{alerts.before}") if alerts.before else None,
        "newest": address_of("/alerts", kind=kind) if before else None,
    }
    return Shown("alerts.html.j2", "Alerts", values, 422 if refusal else 200)


_HEADERS = ("No.", "What", "Text", "Raised", "Over", "Dismissed", "Why")


def _dismissed(asked: Asked) -> str | None:
    """Dismiss the alert of the form; why not, where a reason is missing. Raises Permanent where it is not open."""
    number, reason = asked.form.get("alert", ""), asked.form.get("reason", "").replace("\0", "").strip()
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise BadAddress("alert is the number of an alert")
    if len(reason) < _SHORTEST:
        return f"Say in at least {_SHORTEST} characters why alert {number} needs nobody."
    dismiss_alert(asked.site.db, asked.visitor, int(number), reason[:_LONGEST])
    return None


def _past(alert: PastAlert) -> tuple[Cell, ...]:
    by = f", by {alert.dismissed_by}" if alert.dismissed_by else ""
    return (
        f"{alert.alert_id}",
        TITLES.get(alert.kind, alert.kind),
        alert.text,
        words.moment(alert.raised_at),
        words.moment(alert.resolved_at) if alert.resolved_at else Badge("not over", "bad"),
        f"{words.moment(alert.dismissed_at)}{by}" if alert.dismissed_at else words.NONE,
        alert.dismissed_reason or "",
    )
