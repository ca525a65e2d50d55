"""The constants in the strangers' verifiers that follow from the rest of the code, and how to write them anew.

    python -m tests.verify.pins

after a catalogue was added, the contract was compiled anew, the exchange's calendar has changed, or the page's script
or style was edited. The codes of published contracts are only added to: a disclosure of an earlier contract stays good.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm import artifacts
from fntx_dagster.adapters.evm.artifacts import ANCHOR, AUDIT_ANCHOR_CODES, TRACK_RECORD_CODES, artifact
from fntx_dagster.adapters.evm.contracts import VERSION
from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSIONS, Catalogue, Metric
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import schema_hash_of

FOLDER = Path(__file__).parents[2] / "verify"
YEARS = range(2007, 2041)
"""Whose sessions the strangers' verifiers know: since 2007 New York's clocks change on the same Sundays."""
LIBRARY = FOLDER / "noble-curves.js"
"""The library of the group in the page: bundled once and never edited."""
SCRIPT, PAGE, PACKAGE = FOLDER / "verify.py", FOLDER / "verify.html", Path(artifacts.__file__)
AUDIT = FOLDER / "audit.py"


def codes() -> dict[str, int]:
    """Every published code's hash → its VERSION, with the one of today's artifact behind those before it."""
    code = bytes.fromhex(artifact("TrackRecord")["deployedBytecode"].removeprefix("0x"))
    return {**TRACK_RECORD_CODES, f"0x{keccak256(code).hex()}": VERSION}


def anchor_codes() -> dict[str, int]:
    """Every published AuditAnchor's hash → its version, with the one of today's artifact behind those before it."""
    code = bytes.fromhex(artifact(ANCHOR)["deployedBytecode"].removeprefix("0x"))
    digest = hashlib.sha256(code).hexdigest()
    return {**AUDIT_ANCHOR_CODES, digest: AUDIT_ANCHOR_CODES.get(digest, len(AUDIT_ANCHOR_CODES) + 1)}


def anchored() -> str:
    """The topic of AuditAnchor's event."""
    return f"0x{keccak256(_signature('event', 'Anchored')).hex()}"


def head_of() -> str:
    """The selector of the function that tells a log's head."""
    return f"0x{keccak256(_signature('function', 'headOf'))[:4].hex()}"


def holidays() -> dict[str, str]:
    """Year → the days from Monday to Friday (mmdd) without a session / with one that closes at 13:00, in quotes."""
    return {f"{year}": f'"{_closed(year)} / {_early(year)}"' for year in YEARS}


def package_with_pins(text: str) -> str:
    """The package's lists of published codes, with today's."""
    return _put(_put(text, "TRACK_RECORD_CODES", codes(), "    "), "AUDIT_ANCHOR_CODES", anchor_codes(), "    ")


def script_with_pins(text: str) -> str:
    """verify.py with the constants as they have to be."""
    return _with_pins(text, "    ")


def audit_with_pins(text: str) -> str:
    """audit.py with the constants as they have to be."""
    text = _put(text, "CODES", anchor_codes(), "    ")
    for name, value in (("ANCHORED", anchored()), ("HEAD_OF", head_of())):
        text = re.sub(rf'(?m)^{name} = "[^"]*"', f'{name} = "{value}"', text)
    return text


def page_with_pins(text: str) -> str:
    """verify.html with the constants as they have to be, its library, and the hashes of its script and its style."""
    text = _with_pins(text, "  ")
    for prefix, published in (("", CATALOGUES), ("EXTENSION_", EXTENSIONS)):
        text = _put(text, f"{prefix}SIZES", {f"{each.version}": len(each.metrics) for each in published}, "  ")
        slots = "".join(f"  {_canonical(metric)},\n" for metric in published[-1].metrics)
        text = re.sub(rf"(?ms)(?<=^const {prefix}SLOTS = \[\n).*?(?=^\];)", slots.replace("\\", r"\\"), text)
    library = LIBRARY.read_text(encoding="utf-8")
    text = re.sub(
        r"(?m)^(  const CODES = new Set\(\[)[^\]]*", rf"\g<1>{', '.join(map(json.dumps, anchor_codes()))}", text
    )
    selectors = f'const ANCHORED = "{anchored()}", HEAD_OF = "{head_of()}";'
    text = re.sub(r'const ANCHORED = "[^"]*", HEAD_OF = "[^"]*";', selectors, text)
    text = re.sub(r'(?s)(?<=<script type="text/plain" id="noble">\n).*?(?=</script>)', lambda _: library, text)
    for name in ("script", "style"):
        content = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        text = re.sub(rf"{name}-src 'sha256-[^']*'", f"{name}-src 'sha256-{digest}'", text)
    return text


def _signature(kind: str, name: str) -> bytes:
    [entry] = [each for each in artifact(ANCHOR)["abi"] if (each["type"], each.get("name")) == (kind, name)]
    return f"{name}({','.join(each['type'] for each in entry['inputs'])})".encode()


def _closed(year: int) -> str:
    days = (date(year, 1, 1) + timedelta(number) for number in range(366))
    open_days = {session.day for session in sessions(date(year, 1, 1), date(year, 12, 31))}
    closed = [day for day in days if day.year == year and day.weekday() < 5 and day not in open_days]
    return " ".join(f"{day:%m%d}" for day in closed)


def _early(year: int) -> str:
    known = sessions(date(year, 1, 1), date(year, 12, 31))
    return " ".join(f"{session.day:%m%d}" for session in known if session.early_close)


def _with_pins(text: str, indent: str) -> str:
    text = _put(text, "SCHEMAS", _schemas(CATALOGUES), indent)
    text = _put(text, "EXTENSION_SCHEMAS", _schemas(EXTENSIONS), indent)
    return _put(_put(text, "CODES", codes(), indent), "HOLIDAYS", holidays(), indent)


def _canonical(metric: Metric) -> str:
    return json.dumps(metric._asdict(), sort_keys=True)


def _schemas(catalogues: Iterable[Catalogue]) -> dict[str, int]:
    return {f"0x{schema_hash_of(each.canonical()).hex()}": each.version for each in catalogues}


def _put(text: str, name: str, pins: Mapping[str, int | str], indent: str) -> str:
    lines = "".join(f'{indent}"{digest}": {version},\n' for digest, version in pins.items())
    return re.sub(rf"(?m)^((?:const )?{name} = )\{{[^}}]*\}}", rf"\1{{\n{lines}}}", text)


if __name__ == "__main__":
    for file, with_pins in (
        (PACKAGE, package_with_pins),
        (SCRIPT, script_with_pins),
        (AUDIT, audit_with_pins),
        (PAGE, page_with_pins),
    ):
        file.write_text(with_pins(file.read_text(encoding="utf-8")), encoding="utf-8")
