"""Text of others: no character of it steers what shows it, and everything else stays."""

from __future__ import annotations

import json
import unicodedata
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from fntx_dagster.cli.terminal import Terminal, line, new_table, styled
from fntx_dagster.foreign import cleaned, cleaned_lines, escaped_json

ANY_TEXT = st.text(st.characters(exclude_categories=()))
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def hidden(text: str) -> set[str]:
    """The characters of a text that nobody sees, or that do something else than being seen."""
    return {sign for sign in text if unicodedata.category(sign) in HIDDEN}


@given(ANY_TEXT)
def test_what_is_cleaned_is_one_line_of_seen_characters_and_stays_so(text: str) -> None:
    shown = cleaned(text)
    assert hidden(shown) == set()
    assert len(shown.splitlines()) <= 1
    assert len(shown) == len(text)
    assert cleaned(shown) == shown


@given(st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="\u115f\u1160\u2800\u3164\uffa0")))
def test_letters_figures_and_signs_of_every_writing_stay(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\r\nlines\tand a\u00a0gap", "two  lines and a gap"),
        ("\x1b]8;;https://x\x1b\\click\x1b]8;;\x1b\\", "\ufffd]8;;https://x\ufffd\\click\ufffd]8;;\ufffd\\"),
        ("\u009b31m\u202etxt.exe\u2066", "\ufffd31m\ufffdtxt.exe\ufffd"),
        ("S\u200bP\ufeffY\u3164 \ue000 \udcff", "S\ufffdP\ufffdY\ufffd \ufffd \ufffd"),
        ("净值 é Ω 🙂", "净值 é Ω 🙂"),
    ],
)
def test_each_kind_of_hidden_character_leaves_a_mark_and_white_space_a_space(text: str, shown: str) -> None:
    assert cleaned(text) == shown


@given(ANY_TEXT, st.integers(1, 20))
def test_what_is_too_long_for_a_cell_ends_in_an_ellipsis(text: str, longest: int) -> None:
    shown = cleaned(text, longest)
    assert len(shown) <= longest
    if len(text) > longest:
        assert shown.endswith("…")
        assert cleaned(text).startswith(shown[:-1])
    else:
        assert shown == cleaned(text)


@given(ANY_TEXT)
def test_lines_keep_their_line_feeds_and_nothing_else(text: str) -> None:
    assert cleaned_lines(text).split("\n") == [cleaned(each) for each in text.split("\n")]


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_json_holds_the_same_values_and_no_hidden_character(value: object) -> None:
    for indent in (None, 2):
        document = escaped_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(document) == value
        assert hidden(document) <= {"\n"}


@given(ANY_TEXT, ANY_TEXT)
def test_nothing_that_is_printed_is_markup_or_steers_the_terminal(name: str, words: str) -> None:
    terminal, table = Terminal(width=300), new_table("name", name, right=("figure",))
    terminal.file = printed = StringIO()
    table.add_row(name, styled(words, "red"), words)
    for thing in (table, line("  ", styled("✗", "red"), words), Text(words), words):
        terminal.print(thing)
    assert hidden(printed.getvalue()) <= {"\n"}


def test_what_looks_like_markup_is_printed_as_it_is() -> None:
    terminal = Terminal(width=80)
    terminal.file = printed = StringIO()
    terminal.print("[/red] [link=https://x]x[/link] :smile:")
    assert printed.getvalue() == "[/red] [link=https://x]x[/link] :smile:\n"
