"""The table of docs/settings.md, from the descriptions in the code. `python -m tests.settings_table` writes it anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fntx_dagster.settings import Settings
from fntx_dagster.settings.groups import Group
from fntx_dagster.settings.names import SHORT_NAMES, variable

FILE = Path(__file__).parents[1] / "docs" / "settings.md"
_TABLE = re.compile(r"(?m)^\| short name \|.*\n(?:\|.*\n)+")


def with_table(text: str) -> str:
    """The text of docs/settings.md with the table as it has to be."""
    lines = ["| short name | grouped name | meaning |", "|---|---|---|", *_rows()]
    return _TABLE.sub(lambda _: "".join(f"{line}\n" for line in lines), text)


def _rows() -> Iterator[str]:
    short = {setting: f"`FNTX_{name}`".upper() for name, setting in SHORT_NAMES.items()}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Group):
            for field, own in info.annotation.model_fields.items():
                setting = f"{name}.{field}"
                yield f"| {short[setting]} | `{variable(setting)}` | {own.description} |"
        else:
            yield f"| `{variable(name)}` |  | {info.description} |"


if __name__ == "__main__":
    FILE.write_text(with_table(FILE.read_text(encoding="utf-8")), encoding="utf-8")
