"""A table in any width that a terminal has: no figure is cut, and no line is too long."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from fntx_dagster.cli.fitting import fitted
from fntx_dagster.cli.terminal import new_table, styled

FIGURES = st.decimals(-(10**15), 10**15, places=2).map(lambda amount: f"{amount:,}")
WORDS = st.text("abcdefg ", max_size=30).map(lambda words: words.strip() or "x")
ROOT = "0x" + "a1" * 32


def shown(table: Table, width: int) -> str:
    written = io.StringIO()
    console = Console(file=written, width=width, highlight=False, markup=False)
    for part in fitted(table, width):
        console.print(part)
    return written.getvalue()


@given(st.data(), st.integers(60, 200), st.integers(1, 14), st.integers(1, 6))
def test_every_figure_stands_whole_and_no_line_is_too_long(
    data: st.DataObject, width: int, figures: int, rows: int
) -> None:
    names = data.draw(st.lists(WORDS, min_size=figures, max_size=figures))
    table = new_table("day", right=names)
    written = [data.draw(st.lists(FIGURES, min_size=figures, max_size=figures)) for _ in range(rows)]
    for number, cells in enumerate(written):
        table.add_row(f"2025-07-{number + 1:02}", *cells)
    table.title, table.caption = data.draw(WORDS), data.draw(WORDS)
    text = shown(table, width)
    assert max(map(cell_len, text.splitlines())) <= width
    found = re.findall(r"[-\d,.]+", text)
    assert [cell for cells in written for cell in cells if cells.count(cell) > found.count(cell)] == []


def test_what_fits_is_one_table_as_it_is_in_a_file() -> None:
    table = new_table("day", right=("NAV", "net P&L"))
    table.add_row("2025-07-01", "80,047.33", "-523.78")
    text = shown(table, 80)
    assert "80,047.33" in text
    assert text == shown(table, 190)
    assert "One table" not in text


def test_a_root_beside_its_day_stands_whole_in_80_columns() -> None:
    table = new_table("session", right=("behind the close",))
    table.add_column("root", no_wrap=True)
    table.add_column("remark", overflow="fold")
    table.add_row("2025-07-17", "3 h", ROOT, styled("late, and the reason that was given for it is long " * 3, "red"))
    text = shown(table, 80)
    assert ROOT in text
    assert max(map(cell_len, text.splitlines())) <= 80
    assert text.count("2025-07-17") == 3, "each part says which session it is of"
    assert "One table in a terminal of" in text


def test_a_word_that_fits_in_no_way_loses_no_character() -> None:
    word = "".join(f"{number:03}" for number in range(26))
    table = new_table("file", right=("rows",))
    table.add_row(word, "12")
    text = shown(table, 60)
    assert max(map(cell_len, text.splitlines())) <= 60
    assert word in "".join(re.findall(r"\d{10,}", text))
