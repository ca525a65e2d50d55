"""The parts of a drawing as SVG: the picture with its words, panels, lines, areas, and marks.

What belongs here: how a part is written; which parts a chart has is decided where the chart is. A drawing has no size
of its own. Places are parts of a panel, so the page's style sheet says how wide and how high it is: text, strokes and
marks keep their size on a telephone, on a wide screen and on paper. Lines lie in a nested `<svg class="plot">` whose
units stretch with the panel. Nothing has a style attribute: colours are classes (`s-accent` is a stroke in the accent
colour, `f-gain` a fill in that of gains). The same values give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple
from xml.etree import ElementTree

from fntx_dagster.foreign import cleaned

Place = tuple[float, float]
"""Of a panel: 0 to 1 from left to right, and 0 to 1 from bottom to top."""
Spot = tuple[int, int]
"""A place in the units of a plot, from its left upper corner."""

WIDE, HIGH = 2000, 1000
"""The units of a plot: half a pixel of a wide page, a third of a pixel of a high chart."""
_COLUMN = 4
"""Units that a line is thinned to: two pixels of a wide page."""
_BEAM = 7
"""Half of a bar's height in pixels."""


class Range(NamedTuple):
    """The values that an axis reaches from and to."""

    low: float
    high: float

    def part(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        return (value - self.low) / (self.high - self.low)


class Panel:
    """A part of a picture that has axes of its own. `element` holds its words and marks in parts of the panel, and the
    plot, below them, what stretches with it."""

    def __init__(self, element: ElementTree.Element) -> None:
        self.element = element
        self._plot: ElementTree.Element | None = None

    @property
    def plot(self) -> ElementTree.Element:
        """Where lines and areas lie, in units of WIDE and HIGH."""
        if self._plot is None:
            box = {"class": "plot", "viewBox": f"0 0 {WIDE} {HIGH}", "preserveAspectRatio": "none"}
            self._plot = ElementTree.SubElement(self.element, "svg", box | {"width": "100%", "height": "100%"})
        return self._plot

    def part(self, top: float, height: float) -> Panel:
        """A panel over the whole width of this one."""
        box = {"y": share(top), "width": "100%", "height": share(height)}
        return Panel(ElementTree.SubElement(self.element, "svg", box))

    def group(self, name: str) -> Panel:
        """A layer over this panel, which the page's style sheet calls `name`."""
        return Panel(ElementTree.SubElement(self.element, "g", {"class": name}))

    def link(self, address: str, words: str) -> Panel:
        """A layer whose marks and words lead to an address; `words`, its title, say of it what its drawing shows."""
        layer = ElementTree.SubElement(self.element, "a", {"href": address})
        ElementTree.SubElement(layer, "title").text = cleaned(words)
        return Panel(layer)

    def line(self, spots: Sequence[Spot], role: str, width: float) -> None:
        """A line through the spots."""
        if spots:
            self._stroke(path(spots), role, width)

    def area(self, spots: Sequence[Spot], role: str, floor: float) -> None:
        """What lies between the line through the spots and the height `floor`."""
        if spots:
            level = round(HIGH * (1 - floor))
            around = [(spots[0][0], level), *spots, (spots[-1][0], level)]
            ElementTree.SubElement(self.plot, "path", {"class": f"f-{role}", "d": path(around) + "z"})

    def dots(self, spots: Sequence[Spot], role: str, width: float) -> None:
        """A round dot at each spot."""
        self._stroke("".join(f"M{x} {y}h.1" for x, y in spots), role, width)

    def levels(self, heights: Iterable[float], role: str = "grid") -> None:
        """A line over the whole width at each height."""
        drawn = "".join(f"M0 {round(HIGH * (1 - height))}h{WIDE}" for height in heights)
        self._stroke(drawn, role, 1)

    def columns(self, widths: Iterable[float], role: str = "grid") -> None:
        """A line over the whole height at each place of the width."""
        self._stroke("".join(f"M{round(WIDE * width)} 0v{HIGH}" for width in widths), role, 1)

    def bar(self, corner: Place, opposite: Place, role: str, words: str) -> None:
        """What lies between two corners, the left lower and the right upper; `words` show where it is pointed at."""
        (left, low), (right, high) = _spots([corner, opposite])
        box = {"x": f"{left}", "y": f"{high}", "width": f"{right - left}", "height": f"{low - high}"}
        drawn = ElementTree.SubElement(self.plot, "rect", {"class": f"f-{role}"} | box)
        ElementTree.SubElement(drawn, "title").text = cleaned(words)

    def beam(self, end: Place, start: float, role: str) -> None:
        """A bar of a line's height from `start` to the place where it ends, which is seen however short it is."""
        for left, width, shift in ((min(start, end[0]), share(abs(end[0] - start)), 0), (end[0], "2", -1)):
            box = {"x": share(left), "y": share(1 - end[1]), "width": width, "height": f"{2 * _BEAM}"}
            moved = {"transform": f"translate({shift}-{_BEAM})"}
            ElementTree.SubElement(self.element, "rect", {"class": f"f-{role}"} | box | moved)

    def rule(self, start: Place, end: Place, role: str) -> None:
        """A thin line from a place to another."""
        places = {"x1": share(start[0]), "y1": share(1 - start[1]), "x2": share(end[0]), "y2": share(1 - end[1])}
        ElementTree.SubElement(self.element, "line", {"class": f"s-{role}"} | places)

    def mark(self, place: Place, shape: str, role: str) -> None:
        """A mark at a place; `shape` is a path around 0 0 in pixels."""
        box = ElementTree.SubElement(self.element, "svg", {"x": share(place[0]), "y": share(1 - place[1])})
        ElementTree.SubElement(box, "path", {"class": f"f-{role}", "d": shape})

    def text(self, words: str, place: Place, classes: str, **more: str) -> ElementTree.Element:
        """Words at a place, in their middle's height."""
        where = {"class": classes, "x": share(place[0]), "y": share(1 - place[1]), "dy": ".35em"}
        written = ElementTree.SubElement(self.element, "text", where | more)
        written.text = cleaned(words)
        return written

    def _stroke(self, drawn: str, role: str, width: float) -> None:
        if drawn:
            style = {"class": f"s-{role}", "fill": "none", "stroke-width": f"{width:g}"}
            ElementTree.SubElement(self.plot, "path", style | {"d": drawn})


def picture(key: str, title: str, description: str, classes: str, height: str) -> Panel:
    """The panel of a whole `<svg>`, which a screen reader reads by its title and description. `key` makes their ids its
    own within the page; `height` has pixels where it has no unit."""
    root = ElementTree.Element(
        "svg",
        {
            "class": classes,
            "width": "100%",
            "height": height,
            "role": "img",
            "aria-labelledby": f"{key}-title {key}-desc",
        },
    )
    for tag, text in (("title", title), ("desc", description)):
        ElementTree.SubElement(root, tag, {"id": f"{key}-{tag}"}).text = cleaned(text)
    return Panel(root)


def written(panel: Panel) -> str:
    """The picture as text."""
    return ElementTree.tostring(panel.element, encoding="unicode")


def row_height(row: int, rows: int) -> float:
    """The middle of a row, counted from the top, of a panel that is as many rows high."""
    return 1 - (row + 0.5) / rows


def share(part: float) -> str:
    """A part as a percentage: `12.5%`."""
    return f"{number(part * 100)}%"


def number(value: float) -> str:
    """To a hundredth, without idle zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def path(spots: Sequence[Spot]) -> str:
    """A line through the spots, each told from the one before it."""
    (x, y), *others = spots
    drawn, last = [f"M{x} {y}"], ""
    for right, down in others:
        by, low = right - x, down - y
        sign = "h" if not low else "v" if not by else "l"
        told = f"{by}" if sign == "h" else f"{low}" if sign == "v" else f"{by}{'' if low < 0 else ' '}{low}"
        drawn.append((sign if sign != last else "" if told[0] == "-" else " ") + told)
        x, y, last = right, down, sign
    return "".join(drawn)


def trail(places: Iterable[Place], *, stepped: bool = False) -> Sequence[Spot]:
    """The spots of a line through the places, which are in the order of their x, thinned to what can be seen;
    `stepped`: the line moves at the next place's x."""
    spots = _spots(places)
    return thinned(_stepped(spots) if stepped else spots)


def thinned(spots: Sequence[Spot]) -> Sequence[Spot]:
    """As many of the spots, which are in the order of their x, as can be seen: the highest and the lowest of each
    column of pixels, and the ends. All of them where they are few."""
    if len(spots) <= WIDE // _COLUMN:
        return spots
    last = len(spots) - 1
    kept = [0]
    column = highest = lowest = -1
    for place in range(1, last):
        x, y = spots[place]
        if x // _COLUMN != column:
            kept += [min(highest, lowest), max(highest, lowest)]
            column, highest, lowest = x // _COLUMN, place, place
        elif y < spots[highest][1]:
            highest = place
        elif y > spots[lowest][1]:
            lowest = place
    kept += [min(highest, lowest), max(highest, lowest), last]
    return [spots[place] for place in dict.fromkeys(kept) if place >= 0]


def _spots(places: Iterable[Place]) -> list[Spot]:
    return [(round(WIDE * x), round(HIGH * (1 - y))) for x, y in places]


def _stepped(spots: Sequence[Spot]) -> list[Spot]:
    corners: list[Spot] = []
    for x, y in spots:
        if corners and corners[-1] != (x, y):
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return [spot for spot, _ in groupby(corners)]
