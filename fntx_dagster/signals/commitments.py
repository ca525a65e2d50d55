"""The commitment to a signal: a salted hash of what it says, and the check of all that a provider revealed.

What it says is canonical JSON (RFC 8785) with a salt of its own; who follows and with how much is not in it. A file of
revealed signals has every signal of a strategy under the number that its commitment has on the chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

from fntx_dagster.ledger.entries import canonical, moment
from fntx_dagster.model.chain import HeldCommitment
from fntx_dagster.proof.log_tree import leaf_hash
from fntx_dagster.signals.amounts import exact, written

FORMAT = "fntx.signal/1"
REVEALED = "fntx.signals/1"
DIRECTIONS = {"BUY_ENTRY": "long", "SELL_ENTRY": "short"}
_SALT_BYTES = 32


class CheckedSignal(NamedTuple):
    """What became of a number. `signal` is what was revealed under it (None: nothing); `committed_at` is the time of
    its block (None: the chain has no such number). `fault` says what is wrong; None: nothing."""

    number: int
    signal: Mapping[str, Any] | None
    committed_at: datetime | None
    entered_at: datetime | None
    first_exit_at: datetime | None
    fault: str | None

    @property
    def delay(self) -> timedelta | None:
        """How long after the signal's entry its block is."""
        return self.committed_at - self.entered_at if self.committed_at and self.entered_at else None


def strategy_hash(code: str) -> bytes:
    """Under which hash a strategy's commitments are on a chain."""
    return sha256(f"fntx.strategy/1 {code}".encode()).digest()


def signal_text(given: Mapping[str, Any], symbol: str, secret: bytes) -> bytes:
    """What a signal says, with its salt, from the fields of its execution. `secret` is the execution's."""
    texts = {
        name: None if given.get(name) is None else written(exact(Decimal(given[name])))
        for name in ("stop_loss", "target")
    }
    salt = blake2b(given["unique_id"].encode(), key=secret, person=b"commitment", digest_size=_SALT_BYTES).hexdigest()
    return canonical(
        {
            "format": FORMAT,
            "strategy_code": given["strategy_code"],
            "unique_id": given["unique_id"],
            "signal_type": given["signal_type"],
            "direction": DIRECTIONS[given["signal_type"]],
            "token": given["token"],
            "strike_price_token": given["strike_price_token"],
            "symbol": symbol,
            "entered_at": moment(given["created_at"]),
            "is_paper": given["is_paper"],
            "salt": salt,
            **texts,
        }
    )


def commitment_of(signal: bytes) -> bytes:
    """The commitment to what a signal says."""
    return leaf_hash(signal)


def check_signals(revealed: Mapping[str, Any], held: Sequence[HeldCommitment]) -> list[CheckedSignal]:
    """Each number that the chain holds, or that the file names, with what is wrong.

    `held`: what the chain holds of the provider and the strategy that the file names, by number. Raises ValueError for
    what is no file of revealed signals.
    """
    try:
        given = _given(revealed)
        uses = Counter(str(each["signal"]["unique_id"]) for each in given.values())
        numbers = sorted({*given, *range(len(held))})
        return [_checked(number, given.get(number), held, str(revealed["strategy_code"]), uses) for number in numbers]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a file of revealed signals: {error!r}") from error


def _given(revealed: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    if revealed["format"] != REVEALED:
        raise ValueError(f"the format is {revealed['format']!r}, not {REVEALED}")
    given: dict[int, Mapping[str, Any]] = {}
    for each in revealed["signals"]:
        number = each["number"]
        if type(number) is not int or number < 0 or number in given:
            raise ValueError(f"{number!r} is no number of a signal, or there are two of it")
        given[number] = each
    return given


def _checked(
    number: int, given: Mapping[str, Any] | None, held: Sequence[HeldCommitment], code: str, uses: Mapping[str, int]
) -> CheckedSignal:
    committed = held[number] if number < len(held) else None
    committed_at = committed and committed.committed_at
    if given is None:
        return CheckedSignal(number, None, committed_at, None, None, "MISSING: the file does not reveal it")
    signal = given["signal"]
    entered_at = _moment(signal["entered_at"])
    first_exit_at = None if given["first_exit_at"] is None else _moment(given["first_exit_at"])
    fault = None
    if committed is None:
        fault = "the chain has no commitment of this number"
    elif commitment_of(canonical(signal)) != committed.commitment:
        fault = "ALTERED: it is not what was committed"
    elif signal["format"] != FORMAT or signal["strategy_code"] != code:
        fault = "it is no signal of this strategy"
    elif DIRECTIONS.get(signal["signal_type"]) != signal["direction"]:
        fault = "its type and its direction contradict each other"
    elif uses[str(signal["unique_id"])] > 1:
        fault = "several numbers have a signal of this unique_id"
    elif first_exit_at is not None and committed.committed_at >= first_exit_at:
        fault = "LATE: committed after its exit, when its outcome was known"
    return CheckedSignal(number, signal, committed_at, entered_at, first_exit_at, fault)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at
