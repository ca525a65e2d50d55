"""The compiled contracts, as `contracts/compile.mjs` wrote them: ABI and bytecode. Users never need a compiler."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
CONTRACTS = ("FNTX", "TrackRecord")
"""In the order of their deployment: TrackRecord is given FNTX's address."""
COMMITMENTS = "SignalCommitments"
"""It needs neither of them; its address follows from its code (`commitments.commitments_address`)."""
ATTESTATIONS = "Attestations"
"""Its address follows from its code and TrackRecord's address (`attestations.attestations_address`)."""
ANCHOR = "AuditAnchor"
"""Its address follows from its code (`anchors.anchor_address`)."""
VERIFIER = "SubmissionVerifier"
"""Its address follows from its code and those of its generators (`pools.verifier_address`)."""
OTHERS = (COMMITMENTS, ATTESTATIONS, ANCHOR, VERIFIER)
"""The contracts that the deterministic deployer makes (`deterministic`), each when it is first needed."""
AGGREGATOR = "Aggregator"
"""One for each pool."""
ALL = (*CONTRACTS, *OTHERS, AGGREGATOR)

TRACK_RECORD_CODES = {
    "0x003648da93b10afa11f2e7d843171ad329fb7cb06dd648236ea5383cd3bdeda0": 2,
}
"""keccak256 of the code of each TrackRecord that was published, its token's address replaced by zeros → its VERSION.

Only added to, and that by `python -m tests.verify.pins`: what was deployed stays, whatever is compiled later.
"""

AUDIT_ANCHOR_CODES = {
    "f14cbf571bcebbe04f1d76561dacce5e925faca57193a06823d17368135e5e93": 1,
}
"""SHA-256 of the code of each AuditAnchor that was published → its version. Only added to, as `TRACK_RECORD_CODES`."""

GENERATOR_CODES = (
    "0xaddd114f62ad072ebe7c7b3f0a312efc5c1240290c521eed70b61413c3b38bbe",
    "0x9af19d6e0cf3bd933ee3756c2eee9cc5a6b6484783b2628314e6f7cb52197858",
)
"""keccak256 of the code of the two contracts that hold the verifier's generators: its constructor asks for them."""


@functools.cache
def artifact(contract: str) -> dict[str, Any]:
    """One of ALL: `abi`, `bytecode`, `deployedBytecode`, and `immutables`, which says for each immutable, in the order
    of their declaration, where its 32 bytes are in the deployed code."""
    return json.loads((FOLDER / f"{contract}.json").read_text(encoding="utf-8"))


def is_code_of(contract: str, code: bytes) -> bool:
    """Whether a contract's code is the one of an artifact, whatever it was deployed with.

    Each immutable must be the same wherever it stands: init code of a stranger could let a function tell one value and
    compute with another.
    """
    kept = artifact(contract)
    expected = bytearray.fromhex(kept["deployedBytecode"].removeprefix("0x"))
    for places in kept["immutables"]:
        for place in places:
            expected[place : place + 32] = code[places[0] : places[0] + 32]
    return bytes(expected) == code


@functools.cache
def custom_errors() -> dict[bytes, tuple[str, tuple[tuple[str, str], ...]]]:
    """The custom errors of all contracts by selector: name, and each argument's name and type."""
    from eth_utils.crypto import keccak

    errors = {}
    for contract in ALL:
        for entry in artifact(contract)["abi"]:
            if entry["type"] == "error":
                inputs = tuple((item["name"], item["type"]) for item in entry["inputs"])
                signature = f"{entry['name']}({','.join(kind for _, kind in inputs)})"
                errors[keccak(text=signature)[:4]] = (entry["name"], inputs)
    return errors
