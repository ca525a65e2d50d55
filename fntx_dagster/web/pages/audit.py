"""`/audit`: the audit log: how it stands, checkpoints, anchors, a search by what is in clear; one event with its proof
for a stranger. Only who sees the system reads what events say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from fntx_dagster.errors import FntxError
from fntx_dagster.report.programs import json_text
from fntx_dagster.services.dashboard.audit import (
    EVENT_TYPES,
    AnchorRow,
    ListedCheckpoint,
    LogSearch,
    LogShown,
    OpenedEvent,
    event_shown,
    log_shown,
    make_checkpoint,
    prove,
)
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, address_of
from fntx_dagster.web.pages.treasury import places, refused, said, spoken

_LEDGERS = {"xrpl": "the XRP Ledger", "stellar": "Stellar", "evm": "the EVM chain"}
_DONE = {"signed": "The log is signed as it is."}


def show(asked: Asked) -> Answer:
    """The log, with what the address searches; with a form, it is signed as it is."""
    site, refusal = asked.site, None
    if asked.acts:
        if asked.form.get("action") != "checkpoint":
            raise BadAddress("action is checkpoint")
        try:
            make_checkpoint(site.settings, site.db, site.clock())
            return RedirectResponse("/audit?done=signed", 303)
        except FntxError as error:
            refusal = refused(error)
    kind = asked.word("type", ("any", *EVENT_TYPES))
    first, last, before = asked.day("from"), asked.day("to"), asked.number("before")
    if first and last and first > last:
        raise BadAddress(f"from {first} is after to {last}")
    log = log_shown(site.settings, site.db, LogSearch(None if kind == "any" else kind, first, last, before))
    chosen = {"type": kind, "from": f"{first or ''}", "to": f"{last or ''}"}
    values = {
        "places": places("/audit"),
        "refusal": refusal,
        "done": "" if refusal else asked.done(_DONE),
        "log": log,
        "may_act": asked.visitor.may_act,
        "types": [("any", "any"), *((each, spoken(each)) for each in EVENT_TYPES)],
        "chosen": chosen,
        **(_found(log, chosen, before) if log else {}),
    }
    return Shown("audit.html.j2", "Audit log", values, 422 if refusal else 200)


def one(asked: Asked) -> Answer:
    """The event that the address names."""
    found = event_shown(asked.site.settings, asked.site.db, asked.request.path_params["seq"])
    if found is None:
        raise NotFound
    line, event = found.opened.stored.line, found.opened.event
    values = {
        "places": places(""),
        "stored": found.opened.stored,
        "line": line,
        "event": event,
        "facts": _facts(event) if event else [],
        "details": [(name.replace("_", " "), _plain(value)) for name, value in event["details"].items()]
        if event
        else [],
        "proposal": _proposal_of(event) if event else None,
        "checkpoint": found.checkpoint,
        "ledgers": [_LEDGERS[each] for each in found.ledgers],
        "path": f"/audit/events/{line.seq}",
        "may_act": asked.visitor.may_act,
    }
    return Shown("audit_event.html.j2", f"Event {line.seq}: {spoken(found.opened.stored.type)}", values)


def proof(asked: Asked) -> Answer:
    """The proof of an event, as a file. Raises Permanent where no checkpoint is over it."""
    seq = asked.request.path_params["seq"]
    if event_shown(asked.site.settings, asked.site.db, seq) is None:
        raise NotFound
    text = json_text(prove(asked.site.settings, asked.site.db, seq))
    headers = {"Content-Disposition": f'attachment; filename="proof-{seq}.json"', "Cache-Control": "no-store"}
    return Response(text, media_type="application/json", headers=headers)


def _found(log: LogShown, chosen: Mapping[str, str], before: int | None) -> dict[str, Any]:
    return {
        "checkpoints": Grid(
            "Checkpoints", ("Events", "Signed", "On", "Root"), [_checkpoint(each) for each in log.checkpoints], words=4
        ),
        "anchors": [
            (name, log.status.anchored.get(ledger), Grid(f"Anchors on {name}", _ANCHOR, [*map(_anchor, rows)], words=5))
            for ledger, rows in log.anchors.items()
            for name in (_LEDGERS[ledger],)
        ],
        "anchoring": Grid(
            "On their way",
            ("Events", "State", "Queued", "Transaction", "Error"),
            [
                (
                    f"{row.size:,}",
                    Badge(row.state, "bad" if row.state == "failed" else ""),
                    words.moment(row.queued_at),
                    row.tx_hash or words.NONE,
                    row.error or "",
                )
                for row in log.status.anchoring
            ],
            words=5,
        ),
        "events": Grid("Events", ("No.", "When", "What", "By", "Says"), [*map(_event, log.events)], words=5),
        "older": address_of("/audit", **chosen, before=f"{log.before}") + "#events" if log.before else None,
        "newest": address_of("/audit", **chosen) + "#events" if before else None,
    }


def _checkpoint(each: ListedCheckpoint) -> tuple[Cell, ...]:
    return (
        f"{each.size:,}",
        words.moment(each.made_at),
        ", ".join(_LEDGERS[ledger] for ledger in each.ledgers) or Badge("no ledger"),
        each.root.hex(),
    )


_ANCHOR = ("Events", "Recorded", "In ledger or block", "Account", "Transaction")


def _anchor(each: AnchorRow) -> tuple[Cell, ...]:
    own = each.anchor
    return (f"{own.size:,}", words.moment(each.recorded_at), f"{own.position}", own.account, own.tx_hash)


def _event(each: OpenedEvent) -> tuple[Cell, ...]:
    event, seq = each.event or {}, each.stored.line.seq
    return (
        Link(f"{seq}", f"/audit/events/{seq}"),
        words.moment(each.stored.at),
        spoken(each.stored.type),
        event.get("actor") or Badge("sealed"),
        said(event.get("details", {})),
    )


def _facts(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    subject, ledger = event["subject"], event["ledger"]
    facts = [("By", event["actor"]), ("About", f"{subject['kind'].replace('_', ' ')} {subject['id']}")]
    if ledger:
        facts += [
            ("On", f"{_LEDGERS.get(ledger['name'], ledger['name'])}, {ledger['network']}"),
            ("Transaction", f"{ledger['tx']}"),
            ("In ledger or block", f"{ledger['index']}"),
        ]
    return facts


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _proposal_of(event: Mapping[str, Any]) -> str | None:
    """The proposal that an event names."""
    subject = event["subject"]
    return subject["id"] if subject["kind"] == "proposal" else event["details"].get("proposal")
