"""A table of steps as a picture: its states one below the other, and an arc for each way from one to another.

Ways down are drawn in ink, ways back up in the accent. The table beside it names the steps; no script draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_ROW, _TOP = 26, 20
_LETTER, _GAP = 7.4, 10
_NEAREST, _FARTHER = 16, 9
_HEAD = 5


def step_diagram(title: str, ways: Sequence[tuple[str, str]], here: str | None = None) -> str:
    """SVG of the ways (state, next) of a table, its states in the order in which the table first names them; what leads
    nowhere is an end, and is written in bold. `title` says what it shows to who does not see it; `here` is the state
    that something is in, in the accent."""
    states = [*dict.fromkeys(state for way in ways for state in way)]
    place = {state: number for number, state in enumerate(states)}
    drawn = [*dict.fromkeys((place[state], place[following]) for state, following in ways)]
    left = max(map(len, states)) * _LETTER + _GAP
    reach = max(abs(to - start) for start, to in drawn)
    width = round(left + _GAP + (_NEAREST + _FARTHER * reach) * 3 / 4 + _GAP)
    height = _TOP + _ROW * len(states)
    leaving = {start for start, _ in drawn}
    names = "".join(
        _name(state, _y(number), number in leaving, is_here=state == here) for number, state in enumerate(states)
    )
    arcs = "".join(_arc(start, to, left) for start, to in drawn)
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg class="steps" {box} role="img" aria-label="{escape(title)}">{arcs}{names}</svg>'


def _y(number: int) -> int:
    return _TOP + _ROW * number


def _name(state: str, y: int, is_left: bool, *, is_here: bool) -> str:
    weight = "" if is_left else ' font-weight="600"'
    colour = "accent" if is_here else "ink"
    return f'<text class="f-{colour}" x="0" y="{y + 4}"{weight}>{escape(state)}</text>'


def _arc(start: int, to: int, left: float) -> str:
    """From a little below the middle of a state's line to a little above that of the next, or the other way round."""
    turn = 1 if to > start else -1
    first, last, out = _y(start) + 3 * turn, _y(to) - 3 * turn, left + _NEAREST + _FARTHER * abs(to - start)
    colour = "ink" if turn == 1 else "accent"
    begins, ends = left - _GAP / 2, left
    line = f"M{begins:.1f} {first}C{out:.1f} {first} {out:.1f} {last} {ends + _HEAD:.1f} {last}"
    head = f"M{ends:.1f} {last}l{_HEAD} {-_HEAD * 0.6:.1f}v{_HEAD * 1.2:.1f}z"
    return f'<path class="s-{colour}" fill="none" stroke-width="1" d="{line}"/><path class="f-{colour}" d="{head}"/>'
