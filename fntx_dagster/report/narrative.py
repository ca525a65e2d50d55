"""The told story as values: sections of blocks of lines, before anyone chose a format for them.

What belongs here: the shapes that `story.py` and its tellers produce and that `markdown.py` and `document.py` render.
Texts are plain; emphasis is a matter of the renderer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay, Block
from fntx_dagster.report import clock


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a block: `label: text = result` and a note, `depth` steps below its block.

    `result` is the figure that the line leads to. `amount` is what the line tells, exact, in `currency`; None for a
    line of words. `total` marks the line that sums up those around it.
    """

    label: str = ""
    text: str = ""
    result: str = ""
    note: str = ""
    depth: int = 0
    total: bool = False
    amount: Decimal | None = None
    currency: str | None = None

    @property
    def plain(self) -> str:
        """The line as one plain text."""
        told = " = ".join(part for part in (self.text, self.result) if part)
        return (f"{self.label}: {told}{self.note}" if self.label else f"{told}{self.note}").rstrip()


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A block of the story. `when` is its span in both zones; `source` the block of the day it tells, None for the
    market's own moments. `kind`: that of the source, or previous_close, market_open, no_events, market_close, now.
    `nav_after` is in base currency, None where a provisional day has no opening NAV."""

    kind: str
    phase: str
    title: str
    when: str
    starts_at: datetime
    ends_at: datetime
    nav_after: Decimal | None
    summary: str = ""
    lines: tuple[Line, ...] = ()
    source: Block | None = None

    @property
    def heading(self) -> str:
        """`Day Trades (00:46–00:50 HKT, July 18 / 12:46–12:50 EDT, July 17)`."""
        return f"{self.title} ({self.when})"


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under one heading: the overnight period, or the trading day."""

    heading: str
    blocks: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """One account's trading day, told. `heading` is that of the day: `US Trading Day: Thursday, July 17, 2025`;
    `observer` the zone in which its times are told, beside New York's."""

    day: AnyDay
    heading: str
    sections: tuple[Section, ...] = field(default=())
    observer: ZoneInfo = clock.HONG_KONG

    @property
    def blocks(self) -> tuple[Paragraph, ...]:
        """All blocks in order, whatever section they stand in."""
        return tuple(block for section in self.sections for block in section.blocks)
