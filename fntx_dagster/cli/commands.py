"""The commands and pages that this program prints for a person to use: as that person can type or open them.

A service writes `fntx status` and docs/settings.md. Whoever works in a checkout calls `.venv/bin/fntx`, and whoever has
the package alone finds the pages in it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from fntx_dagster.settings import CHECKOUT, DOCUMENTATION

_NAME = "fntx"
_CALL = re.compile(rf"(?<=`)((?:\w+=\S+ )*){_NAME}(?=[ `])")
_PAGE = re.compile(r"(?<![\w/])docs/([\w-]+\.md)")


@cache
def program() -> str:
    """How this program was called, fit to be pasted into a shell: its name where the shell finds it, else its path,
    from the current folder where it lies beneath."""
    called, found = Path(sys.argv[0]), shutil.which(_NAME)
    if called.name != _NAME or not called.is_file() or (found and called.samefile(found)):
        return _NAME
    place = called.absolute()
    return shlex.quote(str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place))


def command(*arguments: str | Path) -> str:
    """A command of this program, fit to be pasted into a shell."""
    return " ".join((program(), *(shlex.quote(str(argument)) for argument in arguments)))


def as_typed(text: str) -> str:
    """`text` with each command in backticks as it can be typed here, and each page of the documentation as it is found
    here."""
    text = _CALL.sub(lambda call: f"{call[1]}{program()}", text)
    return text if CHECKOUT else _PAGE.sub(lambda page: shlex.quote(str(DOCUMENTATION / page[1])), text)
