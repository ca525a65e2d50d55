"""Which evaluations of checks a sensor has not read yet."""

from __future__ import annotations

import dagster as dg

from fntx_dagster.defs.internals import evaluation_records

_EVENTS = 1000
_LATE = 200
"""How many ids of events back are read again: of two that write at once, the lower id may appear later."""


def new_evaluations(context: dg.SensorEvaluationContext) -> list[dg.AssetCheckEvaluation]:
    """Evaluations of checks that were not read yet, oldest first. The cursor is the id of the newest that was read, and
    with it, behind colons, those not far before it: each is read once."""
    if context.cursor is None:
        newest = evaluation_records(context.instance, None, limit=_LATE, ascending=False)
        _move_cursor(context, {record.storage_id for record in newest} or {0})
        return []
    read = {int(number) for number in context.cursor.split(":")}
    after = max(0, max(read) - _LATE)
    records = evaluation_records(context.instance, after, limit=_EVENTS + len(read), ascending=True)
    new = [record for record in records if record.storage_id not in read][:_EVENTS]
    _move_cursor(context, read | {record.storage_id for record in new})
    events = [record.event_log_entry.get_dagster_event() for record in new]
    return [event.asset_check_evaluation_data for event in events]


def _move_cursor(context: dg.SensorEvaluationContext, read: set[int]) -> None:
    near = (number for number in read if number >= max(read) - _LATE)
    context.update_cursor(":".join(map(str, sorted(near))))
