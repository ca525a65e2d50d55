"""What a signer is asked, in plain sentences made of the payload itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fntx_dagster.governance.decisions import Terms


def sentences(terms: Terms, payload: Any, signers: int, roles: Sequence[str]) -> list[str]:
    """The question, what it is about with every field of the payload, what it needs, and until when."""
    needed = f"It needs {terms.threshold} of {signers} signers"
    if roles:
        needed += f", the {' and the '.join(roles)} among them"
    return [
        f"Proposal {terms.nonce} of this installation is of the kind {terms.kind}.",
        *(f"{name}: {value}" for name, value in _fields(payload, "")),
        f"{needed}, until {terms.expires_at}.",
    ]


def _fields(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _fields(inner, f"{where}.{name}" if where else name)
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value, 1):
            yield from _fields(inner, f"{where}[{place}]")
    else:
        yield where, value if isinstance(value, str) else repr(value)
