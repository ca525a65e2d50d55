"""The constants in the strangers' verifiers that follow from the rest of the code, and how to write them anew.

    python -m tests.verify.pins

after a catalogue was added, the contract was compiled anew, or the page's script or style was edited.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from fntx_dagster.chain.artifacts import artifact
from fntx_dagster.metrics.catalogue import CATALOGUES
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.proof.leaves import schema_hash_of

FOLDER = Path(__file__).parents[2] / "verify"
SCRIPT, PAGE = FOLDER / "verify.py", FOLDER / "verify.html"


def script_with_pins(text: str) -> str:
    """verify.py with the constants as they have to be."""
    return re.sub(r"SCHEMAS = \{.*?\}", _schemas("    "), re.sub(r'CODE = "0x\w*"', _code(), text), flags=re.DOTALL)


def page_with_pins(text: str) -> str:
    """verify.html with the constants as they have to be, and with the hashes of its script and its style."""
    text = re.sub(r"SCHEMAS = \{.*?\}", _schemas("  "), re.sub(r'CODE = "0x\w*"', _code(), text), flags=re.DOTALL)
    for name in ("script", "style"):
        content = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        text = re.sub(rf"{name}-src 'sha256-[^']*'", f"{name}-src 'sha256-{digest}'", text)
    return text


def _schemas(indent: str) -> str:
    lines = [f'{indent}"0x{schema_hash_of(each.canonical()).hex()}": {each.version},\n' for each in CATALOGUES]
    return f"SCHEMAS = {{\n{''.join(lines)}}}"


def _code() -> str:
    code = bytes.fromhex(artifact("TrackRecord")["deployedBytecode"].removeprefix("0x"))
    return f'CODE = "0x{keccak256(code).hex()}"'


if __name__ == "__main__":
    SCRIPT.write_text(script_with_pins(SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")
    PAGE.write_text(page_with_pins(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
