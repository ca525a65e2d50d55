"""The file of the anchor keys, `fntx-anchor-key/1`: a key for the XRP Ledger, one for Stellar, or both, and its owner's
alone. It is the one private key that a process of ours takes; it signs anchors, and nothing else can be asked of it.

    {"format": "fntx-anchor-key/1", "xrpl": {"algorithm": "ed25519", "seed": "s…"}, "stellar": {"seed": "S…"}}
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.adapters.evm.keys import write_new
from fntx_dagster.adapters.stellar import anchor_key as stellar
from fntx_dagster.adapters.stellar.anchor_key import StellarAnchorKey
from fntx_dagster.adapters.xrpl import anchor_key as xrpl
from fntx_dagster.adapters.xrpl.anchor_key import ALGORITHMS, XrplAnchorKey
from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.fields import StrictFields

FORMAT = "fntx-anchor-key/1"
_MOST_BYTES = 10_000
_OTHERS = 0o077


class AnchorKeys(NamedTuple):
    """The keys of a file; None where it has none for that ledger."""

    xrpl: XrplAnchorKey | None
    stellar: StellarAnchorKey | None

    @property
    def addresses(self) -> dict[str, str]:
        """Ledger → the public address of its key."""
        return {name: key.address for name, key in (("xrpl", self.xrpl), ("stellar", self.stellar)) if key is not None}


def read_anchor_keys(file: Path) -> AnchorKeys:
    """The keys of a file. Permanent where it is none, or where others than its owner may use it."""
    try:
        mode, content = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise Permanent(f"cannot read {file}: {error.strerror}", "`fntx treasury anchor-key FILE` makes one") from None
    if mode & _OTHERS:
        raise Permanent(f"others than its owner may use {file}", f"chmod 600 {file}")
    try:
        if len(content) > _MOST_BYTES:
            raise Permanent(f"it has more than {_MOST_BYTES} bytes")
        return _keys(StrictFields(read_strictly(content), ""))
    except Permanent as error:
        raise Permanent(f"{file}: {error.message}", "docs/treasury.md shows the file of anchor keys") from None


def new_anchor_keys(file: Path, ledgers: Collection[str]) -> AnchorKeys:
    """Make a file with a new key for each of these ledgers, mode 0600. Permanent where the file exists: none is
    overwritten."""
    document: dict[str, object] = {"format": FORMAT}
    if "xrpl" in ledgers:
        document["xrpl"] = {"algorithm": "ed25519", "seed": xrpl.new_seed()}
    if "stellar" in ledgers:
        document["stellar"] = {"seed": stellar.new_seed()}
    write_new(file, f"{json.dumps(document, indent=2)}\n")
    return read_anchor_keys(file)


def _keys(fields: StrictFields) -> AnchorKeys:
    fields.one_of("format", [FORMAT])
    on_xrpl, on_stellar = None, None
    if fields.has("xrpl"):
        inner = fields.object("xrpl")
        algorithm = inner.one_of("algorithm", ALGORITHMS)
        on_xrpl = XrplAnchorKey(inner.secret("seed", "a seed of the XRP Ledger"), algorithm)
        inner.end()
    if fields.has("stellar"):
        inner = fields.object("stellar")
        on_stellar = StellarAnchorKey(inner.secret("seed", "a secret seed of Stellar"))
        inner.end()
    fields.end()
    if on_xrpl is None and on_stellar is None:
        raise Permanent("it holds no key", "Give it xrpl, stellar, or both")
    return AnchorKeys(on_xrpl, on_stellar)
