"""What a path of a drawing leads through."""

from __future__ import annotations

import re


def spots(drawn: str) -> list[tuple[int, int]]:
    """The spots of a path as `drawing.path` writes it, lines and moves alike."""
    found: list[tuple[int, int]] = []
    x = y = 0
    for sign, numbers in re.findall(r"([Mhvl])([-\d. ]*)", drawn):
        values = [int(number) for number in re.findall(r"-?\d+", numbers)]
        for at in range(0, len(values), 1 if sign in "hv" else 2):
            if sign == "M":
                x, y = values[at : at + 2]
            elif sign == "h":
                x += values[at]
            elif sign == "v":
                y += values[at]
            else:
                x, y = x + values[at], y + values[at + 1]
            found.append((x, y))
    return found
