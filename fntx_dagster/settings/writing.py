"""Writing `fntx.toml`: what is asked for is changed, and everything else in it stays as its owner wrote it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent


class WrittenSettings(NamedTuple):
    """What became of each setting (`group.field`, or `group.field.entry` for an entry of a table) in the file."""

    file: Path
    added: list[str]
    changed: list[str]
    same: list[str]


def write(file: Path, values: Mapping[str, Any]) -> WrittenSettings:
    """Set `values` (`group.field` → value) in a TOML file, in one step; entries of a table are added to those there.

    A file that would not change is left alone, but for its mode, 0600. Permanent where it cannot be read or written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    written = WrittenSettings(file, [], [], [])
    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8")) if file.exists() else tomlkit.document()
        for setting, value in values.items():
            group, _, field = setting.partition(".")
            table = document.setdefault(group, tomlkit.table())
            if isinstance(value, Mapping):
                _merge(table.setdefault(field, tomlkit.inline_table()), value, setting, written)
            else:
                _set(table, field, value, setting, written)
        if written.added or written.changed:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(file, tomlkit.dumps(document))
        elif file.exists():
            file.chmod(0o600)
    except TOMLKitError:
        raise Permanent(f"cannot read {file}: it is not TOML", "Correct it; docs/settings.md has an example") from None
    except OSError as error:
        raise Permanent(
            f"cannot write {file}: {error.strerror}", "Correct the folder's permissions, or choose another by FNTX_HOME"
        ) from None
    return written


def _merge(table: Any, entries: Mapping[str, Any], place: str, written: WrittenSettings) -> None:
    import tomlkit

    for name, value in entries.items():
        if isinstance(value, Mapping):
            _merge(table.setdefault(name, tomlkit.inline_table()), value, f"{place}.{name}", written)
        else:
            _set(table, name, value, f"{place}.{name}", written)


def _set(table: Any, name: str, value: Any, place: str, written: WrittenSettings) -> None:
    if name not in table:
        written.added.append(place)
    elif table[name] == value:
        written.same.append(place)
        return
    else:
        written.changed.append(place)
    table[name] = value


def _replace(file: Path, text: str) -> None:
    """Whole or not at all: under another name first, then renamed. A symbolic link stays one."""
    place = file.resolve()
    unfinished = place.with_name(f".{place.name}.{secrets.token_hex(4)}.unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
