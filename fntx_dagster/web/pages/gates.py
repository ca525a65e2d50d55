"""`/gates/{user}/{paper|live}`: how much of the limits of a book is used, its circuit breakers, and what they tripped
for; a breaker is reset or tripped here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse

from fntx_dagster.report import money
from fntx_dagster.services.dashboard.gates import ACTIONS, BreakerShown, GatesShown, act, gates_of
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, Shown
from fntx_dagster.web.following import following_book
from fntx_dagster.web.grids import Badge, Cell, Grid, path_of
from fntx_dagster.web.pages.ledger import book_named

_PARTS = ("drawdown", "daily_loss")
"""Metrics that are parts of 1."""


def show(asked: Asked) -> Answer:
    """The gates of the book that the address names; with a form, what came of the action."""
    book = book_named(asked)
    path = path_of("gates", book.name, book.kind)
    refusal = None
    if asked.acts:
        action, bot, reason = (asked.form.get(name, "") for name in ("action", "bot", "reason"))
        if action not in ACTIONS:
            raise BadAddress(f"action is one of {', '.join(ACTIONS)}")
        refusal = act(asked.desk, asked.visitor, book, action, *map(_typed, (bot, reason)))
        if refusal is None:
            return RedirectResponse(path, 303)
    streamed = {} if refusal else {"streamed": following_book(asked, book)}
    gates = gates_of(asked.desk, asked.visitor, book)
    values = streamed | {
        "book": book,
        "path": path,
        "book_path": path_of("ledger", book.name, book.kind),
        "refusal": refusal,
        "gates": gates,
        "limits": _limits(gates),
        "breakers": [(breaker, _named(breaker.metrics)) for breaker in gates.breakers],
        "trips": _trips(gates),
        "may_act": asked.visitor.may_act,
    }
    title = f"Gates of the {book.kind} book of {book.name}"
    return Shown("gates.html.j2", title, values, refusal.status if refusal else 200)


def _typed(text: str) -> str:
    """What a person typed, as a database takes it."""
    return text.replace("\0", "").strip()[:500]


def _limits(gates: GatesShown) -> Grid:
    rows: list[tuple[Cell, ...]] = [_limit(breaker) for breaker in gates.breakers]
    window = f"{gates.rules.burst_window.total_seconds():.0f} s"
    for exchange, count in gates.exchanges.items():
        rows.append((f"{exchange}, in {window}", *_used(count, gates.rules.burst)))
    return Grid("Limits", ("Approved orders", "Used", "Of", "Part"), rows)


def _limit(breaker: BreakerShown) -> tuple[Cell, ...]:
    whose = f"bot {breaker.bot_id}, today" if breaker.bot_id else "the user, today"
    return (whose, *_used(breaker.used, breaker.most))


def _used(used: int, most: int) -> tuple[str, str, str]:
    return f"{used}", f"{most}", money.percent(used / most) if most else words.NONE


def _named(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _metric(name, value)) for name, value in metrics.items()]


def _metric(name: str, value: str | int | None) -> str:
    if value is None:
        return words.NONE
    return words.part(value) if name in _PARTS else words.figure(value) if isinstance(value, str) else f"{value}"


def _trips(gates: GatesShown) -> Grid:
    headers = ("Tripped", "Whose", "Why", "Figures then", "Reset", "By", "Reason of the reset")
    return Grid("Trips", headers, [_trip(trip) for trip in gates.trips], words=len(headers))


def _trip(trip: Mapping[str, Any]) -> tuple[Cell, ...]:
    figures = "; ".join(f"{name} {value}" for name, value in _named(trip["metrics"]))
    return (
        words.moment(trip["tripped_at"]),
        f"bot {trip['bot_id']}" if trip["bot_id"] else "the user",
        f"{trip['trigger_type'].replace('_', ' ')}: {trip['trigger_reason']}",
        figures,
        words.moment(trip["reset_at"]) if trip["reset_at"] else Badge("tripped", "bad"),
        trip["reset_by"] or "",
        trip["reset_reason"] or "",
    )
