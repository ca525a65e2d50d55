"""The proof of each day: its root, its transaction, whether what is reported is what was signed, and how to check it.

What belongs here: headers, rows and sentences of display strings. What is proved is computed by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date
from typing import NamedTuple

from fntx_dagster.model.chain import DayProof
from fntx_dagster.report.tables import Table
from fntx_dagster.report.wording import capped

_NONE = "–"
_VERIFIED = (
    "Verified: the day's equations hold, its figures are those that were signed, and the root was posted after the "
    "session's close and read back from the contract."
)


class Check(NamedTuple):
    """What can be checked, and the commands that do."""

    text: str
    commands: tuple[str, ...]


def proof_table(days: Sequence[date], proofs: Mapping[date, DayProof]) -> Table:
    """Every official day of a report; block times are in UTC."""
    return Table(
        headers=("Trading Day", "State", "Merkle root", "Transaction", "Block", "Block time (UTC)", "Behind the close"),
        rows=tuple(_row(day, proofs.get(day)) for day in days),
        title="Proof of Each Day",
        words=4,
        footnote=_footnote(proofs),
    )


def proof_state(proof: DayProof | None) -> str:
    """`verified`, or what keeps the day from it; and whether it is late or corrected."""
    if proof is None:
        return "not signed"
    return ", ".join(_states(proof))


def checking(days: Sequence[date], proofs: Mapping[date, DayProof]) -> list[Check]:
    """How a stranger checks the days; empty where none is posted."""
    posted = [proof.posted for proof in proofs.values() if proof.posted is not None]
    places = dict.fromkeys((record.trader, record.contract, record.chain_id) for record in posted)
    if not places:
        return []
    chains = capped(sorted({str(chain) for _, _, chain in places}), "chains")
    return [
        Check(
            "A stranger checks the days without our database and without trusting us. URL is a node of chain "
            f"{chains} that the stranger chooses. Every session with its root, its time, and what is late, corrected "
            "or missing:",
            tuple(
                f"fntx verify --trader {trader} --from {min(days)} --to {max(days)} --rpc URL --contract {contract}"
                for trader, contract, _ in places
            ),
        ),
        Check(
            "A disclosure (fntx signature disclose) leads from one figure to the root and shows no other. The second "
            "command, like the page verify.html, needs nothing of FNTX:",
            ("fntx verify disclosure.json --rpc URL", "python verify.py disclosure.json --rpc URL"),
        ),
    ]


def _row(day: date, proof: DayProof | None) -> tuple[str, ...]:
    if proof is None:
        return (day.isoformat(), proof_state(proof), *[_NONE] * 5)
    posted = proof.posted
    found = (_NONE,) * 4
    if posted is not None:
        at = posted.posted_at.astimezone(UTC)
        found = (posted.tx_hash, f"{posted.block_number:,}", f"{at:%Y-%m-%d %H:%M:%S}", proof.delay)
    return (day.isoformat(), proof_state(proof), f"0x{proof.signed.root.hex()}", *found)


def _states(proof: DayProof) -> Iterator[str]:
    if proof.failed:
        yield f"{proof.failed} equation{' does' if proof.failed == 1 else 's do'} not hold"
    if proof.changed is None:
        yield "not compared with what was signed"
    elif proof.changed:
        yield f"changed since it was signed: {capped(proof.changed, 'metrics')}"
    if proof.posted is None:
        yield "not posted yet"
    elif not proof.posted.is_final:
        yield "not final yet"
    if proof.is_early:
        yield "posted before the session was over"
    elif not proof.failed and proof.changed == () and proof.posted is not None:
        yield "verified"
    if proof.is_late:
        yield "late"
    if proof.signed.version > 1:
        reason = f": “{proof.signed.reason}”" if proof.signed.reason else ""
        yield f"version {proof.signed.version}, correction{reason}"


def _footnote(proofs: Mapping[date, DayProof]) -> str:
    if not proofs:
        return "No day was signed when this report was written. A run signs its days after it has reported them."
    signed = [proof.signed for proof in proofs.values()]
    places = dict.fromkeys((record.contract, record.chain_id, record.trader) for record in signed)
    said = (f"Contract {contract} on chain {chain}, trader {trader}." for contract, chain, trader in places)
    return " ".join((_VERIFIED, *said))
