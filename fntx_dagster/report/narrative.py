"""The story as values: sections of paragraphs of lines, before a format is chosen for them.

What belongs here: the shapes that `story.py` and the modules beneath it write, and that `markdown.py`, `document.py`
and `html.py` render. Texts are plain; emphasis is a matter of the renderer.
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
    """A line of a paragraph: `label: text = result` and a note, `depth` steps below its paragraph.

    `result` is the figure that the line leads to. `amount` is the line's exact amount, in `currency`; None for a
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
        content = " = ".join(part for part in (self.text, self.result) if part)
        return (f"{self.label}: {content}{self.note}" if self.label else f"{content}{self.note}").rstrip()


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of the story. `when` is its span in both zones; `source` the block that it narrates, None for the
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
class StorySection:
    """Paragraphs under one heading: the overnight period, or the trading day."""

    heading: str
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The story of one account's trading day. `heading` is that of the day: `US Trading Day: Thursday, July 17, 2025`;
    `observer` the zone of its times, beside New York's."""

    day: AnyDay
    heading: str
    sections: tuple[StorySection, ...] = field(default=())
    observer: ZoneInfo = clock.HONG_KONG

    @property
    def paragraphs(self) -> tuple[Paragraph, ...]:
        """All paragraphs in order, of all sections."""
        return tuple(paragraph for section in self.sections for paragraph in section.paragraphs)
