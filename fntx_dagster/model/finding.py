"""A finding: something that a person has to know. Checks report findings, and alerts are opened from them."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from fntx_dagster.model.period import Period


class Finding(NamedTuple):
    """Something that is not as it should be. `subject` distinguishes it from the other findings of its source; `text`
    is for a person and holds no whole account id; `day` is the session that it is about, if it is about one."""

    subject: str
    text: str
    day: date | None = None


class Observed(NamedTuple):
    """What one look at something reported. `days` and `looked` (subjects) limit what was looked at, None:
    everything. `whole` says that `findings` are all that was found: an open alert that is not among them is over."""

    kind: str
    source: str
    findings: list[Finding]
    days: Period | None = None
    whole: bool = True
    looked: list[str] | None = None
    among: list[str] | None = None
