"""Where settings are read from: the environment, then `.env` and `fntx.toml` in the home; the first that has one wins.

Errors name variables, files and lines, never a value: it may be a secret.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.settings.names import FILE, PREFIX, is_internal, nearest, variables

ENV_FILE, TOML_FILE = ".env", "fntx.toml"

_HOME = "FNTX_HOME"
_BEFORE_COMMENT = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|\s(?!\s*\#))*""")
"""As a shell has it, a comment begins with a # that no quotes enclose and that follows a blank."""


class Given(NamedTuple):
    """A value as it was given: how errors call it, and whether it is the text of a variable."""

    name: str
    value: object
    is_text: bool


def from_variables(
    given: Mapping[str, str], known: set[str], file: Path | None = None, secrets: Collection[str] = ()
) -> dict[str, Given]:
    """Setting → value, from variables of the environment or of a file. A variable of one of `secrets` with _FILE at the
    end of its name holds the path of a file with the value.

    Permanent where a variable is no setting, where a setting's names are there with different values, or where a file
    that one of them names cannot be read.
    """
    settings, suffix = variables(known), f" in {file}" if file else ""
    in_files = {name + FILE: setting for name, setting in settings.items() if setting in secrets}
    settings = in_files | settings  # what is called so itself is no file of another
    strangers = [name for name in given if name not in settings and not is_internal(name)]
    if strangers:
        raise _unknown(strangers, settings, suffix)
    values: dict[str, Given] = {}
    for name, value in given.items():
        if (setting := settings.get(name)) is None:
            continue
        if in_files.get(name) == setting:
            value = _secret_in(Path(value).expanduser(), name + suffix)
        if (other := values.get(setting)) and other.value != value:
            both = " and ".join(sorted((other.name, name + suffix)))
            raise Permanent(f"{both} are two names of one setting and have different values", "Unset one of them")
        values[setting] = Given(name + suffix, value, is_text=True)
    return values


def from_files(home: Path, known: set[str], secrets: Collection[str] = ()) -> dict[str, Given]:
    """Setting → value, from the files in the home that are there; Permanent where one cannot be read."""
    return _from_toml(home / TOML_FILE, known) | _from_env_file(home / ENV_FILE, known, secrets)


def decoded(given: Given, is_json: bool) -> object:
    """The value with its JSON parsed; ValueError where it is no JSON, or an object in it names a thing twice."""
    if given.is_text and is_json:
        return json.loads(str(given.value), object_pairs_hook=_each_name_once)
    return given.value


def unreadable(forms: Mapping[str, str]) -> Permanent:
    """The error for settings whose values do not have the right form: name → that form in words."""
    wanted = [f"{'it' if len(forms) == 1 else name} has to be {form}" for name, form in forms.items()]
    return Permanent(f"cannot read the setting {', '.join(forms)}", f"Correct or unset it: {'; '.join(wanted)}")


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _secret_in(file: Path, name: str) -> str:
    """The content of the file of a secret, without the line's end; errors call it by its variable."""
    text = _text(file)
    if text is None:
        raise Permanent(f"the file that {name} names is missing", f"Make {file}, or correct its path")
    if not text.strip():
        raise Permanent(f"the file that {name} names is empty", f"Write the value into {file}")
    return text.strip("\r\n")


def _from_env_file(file: Path, known: set[str], secrets: Collection[str]) -> dict[str, Given]:
    """Lines as a shell has them: NAME=value, quotes where the value needs them, `export` before it or not, a comment
    after it or not. Names that do not begin with FNTX_ are other programs'."""
    given: dict[str, str] = {}
    for number, line in enumerate((_text(file) or "").splitlines(), 1):
        line = _without_comment(line)
        if not line:
            continue
        try:
            words = shlex.split(line)
        except ValueError:
            words = []
        name, sign, value = words[-1].partition("=") if words else ("", "", "")
        if not sign or words[:-1] not in ([], ["export"]):
            raise Permanent(
                f"cannot read line {number} of {file}",
                "Write NAME=value on one line; quote what holds spaces or quotes",
            )
        name = name.upper()
        if not name.startswith(PREFIX):
            continue
        if name == _HOME:
            raise Permanent(
                f"line {number} of {file} sets FNTX_HOME, and this file lies in the home",
                "Remove the line: the home can be set in the environment only",
            )
        if name in given and given[name] != value:
            raise Permanent(f"{file} sets {name} twice, to different values", "Remove one of the lines")
        if value:
            given[name] = value
    return from_variables(given, known, file, secrets)


def _without_comment(line: str) -> str:
    line = line.strip()
    end = _BEFORE_COMMENT.match(f" {line}")
    rest = f" {line}"[end.end() :].lstrip() if end else ""
    return line[: -len(rest)].strip() if rest.startswith("#") else line


def _from_toml(file: Path, known: set[str]) -> dict[str, Given]:
    """A table for each group: `[database]`, and below it `url = "…"`."""
    text = _text(file)
    if text is None:
        return {}
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        where = f"line {line[1]} of {file}" if line else f"{file}"
        raise Permanent(f"cannot read {where}: it is not TOML", "Correct it; docs/settings.md has an example") from None
    fields = {
        f"{group}.{field}": value
        for group, table in tables.items()
        for field, value in (table.items() if isinstance(table, dict) else {"": table}.items())
    }
    strangers = [name.rstrip(".") for name in fields if name not in known]
    if strangers:
        raise _unknown(strangers, known, f" in {file}")
    return {name: Given(f"{name} in {file}", value, is_text=False) for name, value in fields.items()}


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Permanent(f"{file} is not UTF-8", "Save it as UTF-8") from None
    except OSError as error:
        raise Permanent(f"cannot read {file}: {error.strerror}", "Correct its permissions, or remove it") from None


def _unknown(names: list[str], known: Collection[str], suffix: str) -> Permanent:
    meant = {name: nearest(name, known) for name in sorted(names)}
    shown = ", ".join(meant)
    guesses = [f"{guess} for {name}" if len(meant) > 1 else guess for name, guess in meant.items() if guess]
    question = f"Did you mean {', '.join(guesses)}? " if guesses else ""
    return Permanent(
        f"no setting is called {shown}{suffix}",
        f"{question}docs/settings.md lists all; the home itself can be set in the environment only, by FNTX_HOME",
    )
