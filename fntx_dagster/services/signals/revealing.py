"""Revealing the signals behind a strategy's commitments, and a stranger's check of what was revealed.

The check reads the chain alone: each number from 0 to the last has to be in the file, hash to what the chain holds, and
be in a block from before its exit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.adapters.evm.client import signer_of
from fntx_dagster.adapters.evm.commitments import CommitmentBook, commitments_address, commitments_at
from fntx_dagster.adapters.evm.reader import AnotherChain
from fntx_dagster.adapters.evm.typed import is_address
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.ledger.entries import moment
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.orders.fields import Declined, read_object
from fntx_dagster.services.signals.trading import user_of
from fntx_dagster.signals.commitments import REVEALED, CheckedSignal, check_signals, strategy_hash
from fntx_dagster.store.outbox import commitments
from fntx_dagster.store.signals import strategies

if TYPE_CHECKING:
    from fntx_dagster.model.chain import HeldCommitment
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Readable

_NO_REVEAL = "`fntx signals reveal` writes one"

NOT_CHECKED = (
    "that the provider's address is the one that you know, and the only one: whoever has several addresses or "
    "strategies can show the best",
    "that the exits were when the file says: they are not committed",
)
"""What neither the file nor the chain can say."""


class RevealedSignals(NamedTuple):
    """All signals of a strategy as a file has them; the numbers on the chain that this database does not know, and how
    many commitments are not on the chain yet."""

    content: Mapping[str, Any]
    unknown: list[int]
    waiting: int


class CheckedSignals(NamedTuple):
    """What a file of revealed signals is about, and what became of each number."""

    strategy_code: str
    chain_id: int
    contract: str
    provider: str
    signals: list[CheckedSignal]

    @property
    def holds(self) -> bool:
        return not any(each.fault for each in self.signals)

    @property
    def exit_code(self) -> int:
        return 0 if self.holds else Permanent.exit_code

    @property
    def longest_delay(self) -> timedelta | None:
        """From an entry to its block, at most."""
        return max((each.delay for each in self.signals if each.delay is not None), default=None)

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs; delays in seconds."""
        signals = [
            {
                **each._asdict(),
                "delay": None if each.delay is None else each.delay.total_seconds(),
            }
            for each in self.signals
        ]
        return {**self._asdict(), "signals": signals, "holds": self.holds, "not_checked": NOT_CHECKED}


def reveal(settings: Settings, db: Readable, code: str) -> RevealedSignals:
    """All signals of a strategy that the chain of the settings holds a commitment to, in the order of their numbers,
    with their salts.

    Raises Permanent for an unknown strategy, Transient where the node does not answer.
    """
    if strategies.strategy(db, code) is None:
        raise Permanent(f"there is no strategy {code[:64]!a}", "`fntx signals strategies` lists them")
    with connect(settings) as chain:
        provider = signer_of(settings, user_of(code)).address
        book = CommitmentBook(chain.web3, chain.chain_id)
        held = book.held(provider, strategy_hash(code)) if book.is_deployed() else []
        chain_id, contract = chain.chain_id, book.contract
    known = commitments.committed_signals(db, code)
    signals, unknown = [], []
    for number, each in enumerate(held):
        if (ours := known.get(each.commitment)) is None:
            unknown.append(number)
            continue
        exited = ours.first_exit_at and moment(ours.first_exit_at)
        signals.append({"number": number, "signal": json.loads(ours.signal), "first_exit_at": exited})
    content = {
        "format": REVEALED,
        "chain_id": chain_id,
        "contract": contract,
        "provider": provider,
        "strategy_code": code,
        "signals": signals,
    }
    return RevealedSignals(content, unknown, len(known.keys() - {each.commitment for each in held}))


def written_signals(content: Mapping[str, Any]) -> str:
    """Revealed signals as a file: a line for each."""
    head = {name: value for name, value in content.items() if name != "signals"}
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in content["signals"])
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "signals": [\n{lines}\n]}}\n'


def check_revealed(content: bytes, source: Settings | str) -> CheckedSignals:
    """Check revealed signals against the chain of a node's URL, or of the settings.

    Raises Permanent for what is no such file, and where the chain has no such contract; Transient where the node gives
    no verdict.
    """
    try:
        revealed = read_object(content, numbers=int)
        about = (str(revealed["strategy_code"]), int(revealed["chain_id"]), str(revealed["contract"]))
        provider = str(revealed["provider"])
        strategy = strategy_hash(about[0])
    except (ValueError, KeyError, TypeError, Declined, RecursionError) as error:
        raise Permanent(f"not a file of revealed signals: {error}", _NO_REVEAL) from None
    if not is_address(provider):
        raise Permanent(f"{provider[:64]!a} is no address of a provider", _NO_REVEAL)
    if about[2] != commitments_address():
        raise Permanent(f"{about[2][:64]!a} is not the contract of commitments", "See docs/contracts.md")
    held = _held(source, about[1], provider, strategy)
    try:
        return CheckedSignals(*about, provider, check_signals(revealed, held))
    except ValueError as error:
        raise Permanent(f"{error}", _NO_REVEAL) from None


def _held(source: Settings | str, chain_id: int, provider: str, strategy: bytes) -> Sequence[HeldCommitment]:
    try:
        if isinstance(source, str):
            with commitments_at(source, chain_id) as book:
                return book.held(provider, strategy)
        with connect(source) as chain:
            if chain.chain_id != chain_id:
                raise AnotherChain(chain.chain_id, chain_id)
            book = CommitmentBook(chain.web3, chain_id)
            book.check_deployed()
            return book.held(provider, strategy)
    except AnotherChain as error:
        raise Transient(error.message, "Name a node of that chain with --rpc") from None
