"""A stranger's check of a proof of an audit log: the file by itself, then each ledger that it names.

The words and the exit codes are those of all verifiers. Nothing here needs a database or a key of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.audit.checkpoint import need
from fntx_dagster.audit.history import AnchoredHead, Proofs, check_history, read_checkpoints, read_consistency
from fntx_dagster.audit.proof_file import MOST_BYTES, CheckedProof, check_proof, read_proof
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.auditing.asking import anchored_heads, ask_ledger
from fntx_dagster.services.signatures.outcomes import exit_code_of

OPTIONS = {"xrpl": "--xrpl", "stellar": "--horizon", "evm": "--rpc"}
"""Where the server of each ledger is named."""
HOLDS, FAILS, UNCHECKED = "HOLDS", "DOES NOT HOLD", "NOT CHECKED"
_HISTORY_BYTES = 100_000_000
_WHOSE_KEY = "whether log_key is the key that the log's owner publishes: compare it, or give that with --log-key"
_TRUSTED = "whether a server that was asked tells the truth: checking against one server trusts that server"
_NOWHERE = "whether a ledger holds the root: the proof names none"


class NotAProof(Permanent):
    """A file is no JSON, or of another kind."""


class LedgerVerdict(NamedTuple):
    """What a ledger says of an anchor: HOLDS, DOES NOT HOLD or NOT CHECKED, and why or what else; `unchecked` names
    what of the account's other anchors nobody could check."""

    anchor: Anchor
    verdict: str
    why: str | None
    unchecked: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values."""
        said = {"verdict": self.verdict, "why": self.why, "history_not_checked": self.unchecked}
        return {**self.anchor._asdict(), **said}


class CheckedAuditProof(NamedTuple):
    """How the check of a proof ended. `proof` is None where the file does not hold by itself; `is_key_compared`: with
    the key that was given."""

    proof: CheckedProof | None
    problem: str | None
    ledgers: Sequence[LedgerVerdict] = ()
    is_key_compared: bool = False
    is_asked: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        """Why it does not hold."""
        failed = [f"{each.anchor.ledger}: {each.why}" for each in self.ledgers if each.verdict == FAILS]
        return (*([self.problem] if self.problem else []), *failed)

    @property
    def away(self) -> tuple[str, ...]:
        """The ledgers that were not checked, or not wholly."""
        named = (each.anchor.ledger for each in self.ledgers if each.verdict == UNCHECKED or each.unchecked)
        return tuple(dict.fromkeys(named))

    @property
    def verdict(self) -> str:
        """In the words of all verifiers."""
        if self.problems:
            return FAILS
        if self.away:
            return f"{UNCHECKED} ON A LEDGER: {', '.join(self.away)}. Otherwise it holds"
        return HOLDS if self.ledgers else f"{HOLDS}, as far as checked"

    @property
    def exit_code(self) -> int:
        """0 it holds, 1 it does not, 75 a ledger that it names was not checked."""
        return exit_code_of(self.problems, is_undecided=bool(self.away))

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What nobody has looked at, in words."""
        if self.proof is None:
            return ()
        histories = [
            f"of the other anchors of that account, {each.unchecked}" for each in self.ledgers if each.unchecked
        ]
        whose = () if self.is_key_compared else (_WHOSE_KEY,)
        return (*histories, *whose, *([_TRUSTED] if self.is_asked else []), *([] if self.ledgers else [_NOWHERE]))

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs. The names of the fields stay."""
        said = {
            "verdict": self.verdict,
            "holds": not self.problems,
            "problems": self.problems,
            "not_checked": self.not_checked,
            "not_checked_on": self.away,
            "ledgers": [each.as_dict() for each in self.ledgers],
        }
        if self.proof is None:
            return said | {"log_key": None, "checkpoint": None, "event": None}
        origin, size, root, time = self.proof.checkpoint
        checkpoint = {"origin": origin, "size": size, "root": root.hex(), "time": time}
        return said | {"log_key": self.proof.key.text, "checkpoint": checkpoint, "event": self.proof.event}


def read_audit_file(stream: BinaryIO) -> bytes:
    """Read a proof file, no more of it than shows that it is too long."""
    return stream.read(MOST_BYTES + 1)


def consistency_proofs(contents: Iterable[bytes]) -> Proofs:
    """The consistency proofs of files for `check_audit_proof`: exported checkpoints, or cases of a calculator.
    Permanent for another file."""
    proofs: dict[AnchoredHead, dict[AnchoredHead, Sequence[bytes]]] = {}
    for content in contents:
        lines = [line for line in content.splitlines() if line.strip()]
        is_export = bool(lines) and b'"checkpoint"' in lines[0]
        read = read_checkpoints(map(read_strictly, lines)) if is_export else read_consistency(read_strictly(content))
        for head, following in read.items():
            proofs.setdefault(head, {}).update(following)
    return proofs


def read_history_file(stream: BinaryIO) -> bytes:
    """Read a file of consistency proofs."""
    return stream.read(_HISTORY_BYTES)


def check_audit_proof(
    content: bytes, urls: Mapping[str, str | None], log_key: str | None = None, history: Proofs | None = None
) -> CheckedAuditProof:
    """Check a proof file. `urls`: ledger → the server to ask; `log_key`: the key that the log's owner publishes;
    `history`: consistency proofs, with which all anchors of each account are read too. A file that does not hold by
    itself is not asked about. Raises NotAProof; all else is an outcome.
    """
    _check_kind(content)
    try:
        proof = check_proof(read_proof(content))
        need(log_key in (None, proof.key.text), "log_key is not the key that you gave")
    except Permanent as error:
        return CheckedAuditProof(None, error.message)
    ledgers = [_asked(anchor, proof, urls.get(anchor.ledger), history) for anchor in proof.anchors]
    is_asked = any(urls.get(anchor.ledger) for anchor in proof.anchors)
    return CheckedAuditProof(proof, None, ledgers, log_key is not None, is_asked)


def _asked(anchor: Anchor, proof: CheckedProof, url: str | None, history: Proofs | None) -> LedgerVerdict:
    if url is None:
        return LedgerVerdict(anchor, UNCHECKED, f"give {OPTIONS[anchor.ledger]}")
    try:
        note = ask_ledger(anchor, proof.checkpoint, url)
        if history is None:
            return LedgerVerdict(anchor, HOLDS, note)
        heads = anchored_heads(anchor, proof.checkpoint, url)
        return LedgerVerdict(anchor, HOLDS, note, check_history(heads, history, proof.checkpoint))
    except Transient as error:
        return LedgerVerdict(anchor, UNCHECKED, error.message)
    except Permanent as error:
        return LedgerVerdict(anchor, FAILS, error.message)


def _check_kind(content: bytes) -> None:
    """NotAProof unless it is JSON, and not of another kind. Whether it can be read in one way only comes later."""
    if len(content) > MOST_BYTES:
        return
    try:
        document = json.loads(content.decode("utf-8"), parse_int=str)
    except (ValueError, RecursionError):
        raise NotAProof("it is not JSON in UTF-8", "`fntx audit prove` writes a proof") from None
    said = document.get("format") if isinstance(document, dict) else None
    if isinstance(said, str) and not said.startswith("fntx-audit-proof/"):
        raise NotAProof("it is a file of another kind, not a proof of an audit log", "`fntx verify` may check it")
