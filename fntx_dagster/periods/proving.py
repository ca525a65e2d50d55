"""Proves the figures of a period: totals are opened, and nothing else of a day is shown.

Needs each day's values and blinding, which only the trader can compute. Nonces come from the system's randomness and
are used once: two proofs with one nonce would give the days away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate, pairwise
from typing import NamedTuple

from fntx_dagster.curve.group import GENERATOR, ORDER, Draw, H, Point, combined, named, random_scalar, write_compressed
from fntx_dagster.errors import Permanent
from fntx_dagster.periods import transcript
from fntx_dagster.periods.checking import CLOSING, OPENING, RETURN, row_weights
from fntx_dagster.periods.commitment import COMMITMENT_SLOT, FIELDS, DayCommitment, generators
from fntx_dagster.periods.file import (
    AUDIENCE,
    MOST_ACCOUNTS,
    MOST_DAYS,
    PROJECTIONS,
    PeriodAccount,
    PeriodDay,
    PeriodProof,
    Schemas,
    VectorPart,
    has_vector,
    row_names,
    statement_content,
    statement_of,
    written,
)
from fntx_dagster.periods.relations import forms, projected, relation
from fntx_dagster.periods.shown import (
    BOUNDS,
    CHAINED,
    DRAWDOWN,
    ITEMS,
    NAV_CHANGE,
    OF_ONE_ACCOUNT,
    SQUARES,
    TOTAL_FIELDS,
    WORST_DAY,
    missing_items,
)
from fntx_dagster.periods.squares import three_squares
from fntx_dagster.proof.disclosure import EXTENSION_SLOT, scaled_root
from fntx_dagster.proof.leaves import Context
from fntx_dagster.proof.record import Record
from fntx_dagster.proof.tree import empty_subtrees


@dataclass(frozen=True)
class ProvableDay:
    """A signed day as its trader knows it: what the file says of it, and the secret that it is committed to."""

    context: Context
    """Of the record."""
    row: PeriodDay = field(repr=False)
    """With salts, which are nobody's business before it is in a file."""
    committed: DayCommitment = field(repr=False)


def provable_day(
    record: Record, extension: Record, committed: DayCommitment, transaction: str | None = None
) -> ProvableDay:
    """A day from its record, the record's extension and its commitment; `transaction` (0x…) posted it.

    Permanent where the extension is not the record's, or the commitment not the extension's.
    """
    root_of_slot = scaled_root(extension.root)
    if record.values.get(EXTENSION_SLOT) != root_of_slot:
        raise Permanent("the extension is not the record's", "Give the one that was signed with it")
    if extension.values.get(COMMITMENT_SLOT) != int.from_bytes(committed.digest, "big", signed=True):
        raise Permanent(
            f"the commitment of {record.context.day} is not the one that was signed",
            "Give the values and the salt secret that the day was signed with",
        )
    row = PeriodDay(
        date=record.context.day,
        version=record.version,
        schemas=Schemas(record.context.schema_hash, extension.context.schema_hash),
        session=committed.session,
        root=record.root,
        transaction=transaction,
        commitment=write_compressed(committed.point),
        salts=(extension.salts[COMMITMENT_SLOT], record.salts[EXTENSION_SLOT]),
        extension_path=_shortened(extension.proof(COMMITMENT_SLOT)),
        path=_shortened(record.proof(EXTENSION_SLOT)),
    )
    return ProvableDay(record.context, row, committed)


def is_chained(accounts: Sequence[Sequence[ProvableDay]]) -> bool:
    """Whether each day's opening NAV is the closing NAV of the account's day before it, so that `chained` can be
    shown."""
    return all(
        after.committed.values[OPENING] == before.committed.values[CLOSING]
        for days in accounts
        for before, after in pairwise(days)
    )


def prove(
    accounts: Sequence[Sequence[ProvableDay]],
    shown: Collection[str],
    first: date,
    last: date,
    *,
    audience: str | None = None,
    bounds: Mapping[str, int] | None = None,
    draw: Draw = random_scalar,
) -> str:
    """The file that proves the items `shown` (of `shown.ITEMS`, bounds left out) of a period from `first` to `last`.

    `accounts` holds the days of each account in their order; `bounds` are those of worst_day and drawdown, as
    `shown.bound_of` gives them. `draw` is for tests alone: who knows the nonces of a file knows its days. Permanent for
    what cannot be shown, or is not true.
    """
    days = [day for account in accounts for day in account]
    _refuse_unfit(accounts, days, shown, first, last, audience)
    numbers = _numbers(accounts, days, shown, bounds or {})
    content = statement_content(
        [_account(account) for account in accounts], numbers, first, last, days[0].committed.currency, audience
    )
    counts, committed = [len(account) for account in accounts], [day.committed for day in days]
    return written(content, prove_statement(statement_of(content), counts, committed, numbers, draw))


def prove_statement(
    statement: bytes, counts: Sequence[int], days: Sequence[DayCommitment], shown: Mapping[str, int], draw: Draw
) -> PeriodProof:
    """The proof of a statement (`file.statement_of`) about the days of all accounts, so many of each; nothing of it is
    checked."""
    return _Prover(counts, days, shown, draw).prove(statement)


_EMPTY = empty_subtrees()


def _shortened(path: Sequence[bytes]) -> tuple[bytes | None, ...]:
    return tuple(None if sibling == empty else sibling for sibling, empty in zip(path, _EMPTY, strict=True))


def _account(days: Sequence[ProvableDay]) -> PeriodAccount:
    context = days[0].context
    return PeriodAccount(context.chain_id, context.contract, context.trader, tuple(day.row for day in days))


def _refuse_unfit(
    accounts: Sequence[Sequence[ProvableDay]],
    days: Sequence[ProvableDay],
    shown: Collection[str],
    first: date,
    last: date,
    audience: str | None,
) -> None:
    """Permanent where no file could be made of it."""
    if unknown := sorted({*shown} - {*ITEMS} | {*shown} & {*BOUNDS}):
        raise Permanent(f"a period cannot show {', '.join(unknown)}", f"It can show {', '.join(ITEMS)}")
    if missing := missing_items(shown):
        raise Permanent(f"squares need {', '.join(missing)}", "Show both")
    if not 1 <= len(accounts) <= MOST_ACCOUNTS or not all(accounts):
        raise Permanent(f"a period is of 1 to {MOST_ACCOUNTS} accounts with a day each", "Choose another range")
    if len(days) > MOST_DAYS:
        raise Permanent(f"a period has at most {MOST_DAYS} days, these are {len(days)}", "Choose a shorter range")
    if len({day.committed.currency for day in days}) > 1:
        raise Permanent("the days are of several currencies", "Prove each currency by itself")
    if audience is not None and not AUDIENCE.fullmatch(audience):
        raise Permanent("the audience is not 1 to 100 printable characters of ASCII", "Give another name for it")
    of_accounts = [_account(account) for account in accounts]
    if len({account.name for account in of_accounts}) < len(accounts):
        raise Permanent("an account is there twice", "Name each account once")
    for account in of_accounts:
        rows = account.days
        if any(one.date >= other.date or one.session >= other.session for one, other in pairwise(rows)):
            raise Permanent("the days or their session numbers do not ascend", "Amend the days whose number is wrong")
        if not first <= rows[0].date <= rows[-1].date <= last:
            raise Permanent(f"a day is not within {first} to {last}", "Choose another range")


def _numbers(
    accounts: Sequence[Sequence[ProvableDay]],
    days: Sequence[ProvableDay],
    shown: Collection[str],
    bounds: Mapping[str, int],
) -> dict[str, int]:
    """Each item with its number; Permanent for a statement that is not true."""
    several = [item for item in (*shown, *bounds) if item in OF_ONE_ACCOUNT] if len(accounts) > 1 else []
    if several:
        raise Permanent(f"{', '.join(several)} cannot be added up over accounts", "Prove each account by itself")
    sums = [sum(column) for column in zip(*(day.committed.values for day in days), strict=True)]
    returns = [day.committed.values[RETURN] for day in days]
    numbers: dict[str, int] = {}
    for item in shown:
        if item in TOTAL_FIELDS:
            numbers[item] = sums[TOTAL_FIELDS[item]]
        elif item == NAV_CHANGE:
            numbers[item] = sums[CLOSING] - sums[OPENING]
        elif item == SQUARES:
            numbers[item] = sum(each * each for each in returns)
        elif item == CHAINED:
            if not is_chained(accounts):
                raise Permanent("a day does not open with the NAV that the day before closed with", "Leave out chained")
            numbers[item] = 1
    for item, bound in bounds.items():
        if item not in BOUNDS or bound > 0:
            raise Permanent(f"{item} cannot be bound by a number above 0", f"Bounds are of {' and '.join(BOUNDS)}")
        if min(forms(returns, _maxima(returns), {item: bound})) < 0:
            what = "a day's return" if item == WORST_DAY else "the drawdown"
            raise Permanent(f"{what} goes below the bound of {item}", "Give a lower bound")
        numbers[item] = bound
    return numbers


def _maxima(returns: Sequence[int]) -> list[int]:
    """The highest sum so far of the returns, from 0 at the period's opening on."""
    return list(accumulate(accumulate(returns), max, initial=0))[1:]


class _Vector(NamedTuple):
    """What the vector part commits to, and with what it is hidden."""

    w: list[int]
    rho: int
    v: bytes
    bits: list[bytes]
    projections: list[int]
    k: list[int]
    kappa: int
    epsilons: tuple[int, int]
    points: tuple[bytes, ...]
    """K, E0, E1."""


class _Prover:
    """One proof. The order of the draws is that of the published vectors."""

    def __init__(
        self, counts: Sequence[int], days: Sequence[DayCommitment], shown: Mapping[str, int], draw: Draw
    ) -> None:
        self._counts, self._shown, self._draw = counts, shown, draw
        self._values = [day.values for day in days]
        self._blindings = [day.blinding for day in days]

    def prove(self, statement: bytes) -> PeriodProof:
        h0 = transcript.opened(statement)
        vector = self._vector(h0) if has_vector(self._shown) else None
        h1 = transcript.after_vector(h0, vector.v if vector else b"")
        h2 = transcript.after_projections(h1, vector.projections) if vector else h1
        xi = transcript.challenge(h1)
        weights = {name: row_weights(self._counts, name, xi) for name in row_names(self._shown)}
        nonces = self._row_nonces(weights["each"], vector)
        basis = (*generators(), H)
        t = tuple(write_compressed(combined(basis, row)) for row in nonces.values())
        c = transcript.challenge(transcript.after_nonces(h2, (*vector.points, *t) if vector else t))
        rows = tuple(self._answers(nonces[name], weights[name], c) for name in nonces)
        if vector is None:
            return PeriodProof(t, rows, None)
        z = tuple((k + c * w) % ORDER for k, w in zip(vector.k, vector.w, strict=True))
        zeta = (vector.kappa + c * vector.rho) % ORDER
        epsilon = (vector.epsilons[0] + c * vector.epsilons[1]) % ORDER
        point_k, *e = vector.points
        part = VectorPart(vector.v, point_k, (e[0], e[1]), tuple(vector.projections), z, zeta, epsilon)
        return PeriodProof(t, rows, part)

    def _scalar(self) -> int:
        return self._draw() % ORDER

    def _row_nonces(self, powers: Sequence[int], vector: _Vector | None) -> dict[str, list[int]]:
        """For each row the nonces of the ten fields and the blinding, bound as the statement binds the sums."""
        nonces = {name: [self._scalar() for _ in range(len(FIELDS) + 1)] for name in row_names(self._shown)}
        total = nonces["total"]
        for item, number in TOTAL_FIELDS.items():
            if item in self._shown:
                total[number] = 0
        if NAV_CHANGE in self._shown:
            total[OPENING] = total[CLOSING]
        if vector is not None:
            nonces["each"][RETURN] = sum(power * k for power, k in zip(powers, vector.k, strict=False)) % ORDER
        if CHAINED in self._shown:
            nonces["this"][CLOSING] = nonces["next"][OPENING]
        return nonces

    def _answers(self, nonces: Sequence[int], weights: Sequence[int], c: int) -> tuple[int, ...]:
        *of_fields, of_blinding = nonces
        summed = [0] * len(FIELDS)
        for weight, values in zip(weights, self._values, strict=True):
            if weight:
                summed = [before + weight * value for before, value in zip(summed, values, strict=True)]
        blinding = sum(weight * each for weight, each in zip(weights, self._blindings, strict=True))
        answers = [(t + c * value) % ORDER for t, value in zip(of_fields, summed, strict=True)]
        return ((of_blinding + c * blinding) % ORDER, *answers)

    def _vector(self, h0: bytes) -> _Vector:
        shown, days = self._shown, len(self._values)
        returns = [values[RETURN] for values in self._values]
        maxima = _maxima(returns) if DRAWDOWN in shown else []
        numbers = [*returns, *maxima]
        for value in forms(returns, maxima, shown):
            numbers += three_squares(4 * value + 1, self._draw)
        while True:
            rho, masks = self._scalar(), [2**123 + self._draw() % 2**123 for _ in range(PROJECTIONS)]
            w = [*numbers, *masks]
            basis: list[Point] = [H, *(named(f"g/{number}") for number in range(len(w)))]
            v = write_compressed(combined(basis, [rho, *w]))
            h1 = transcript.after_vector(h0, v)
            bits = transcript.signs(h1, len(numbers))
            projections = [mask + each for mask, each in zip(masks, projected(numbers, bits), strict=True)]
            if all(0 <= each < 2**125 for each in projections):
                break
        k = [self._scalar() for _ in w]
        kappa, *epsilons = [self._scalar() for _ in range(3)]
        y = transcript.challenge(transcript.after_projections(h1, projections))
        held = relation(shown, days, bits, projections, y)
        squared = [q * each % ORDER for q, each in zip(held.quadratic, k, strict=True)]
        constant = sum(q * each for q, each in zip(squared, k, strict=True) if q)
        crossed = sum(2 * q * each for q, each in zip(squared, w, strict=True) if q)
        crossed += sum(factor * each for factor, each in zip(held.linear, k, strict=True))
        points = (
            combined(basis, [kappa, *k]),
            combined([GENERATOR, H], [constant, epsilons[0]]),
            combined([GENERATOR, H], [crossed, epsilons[1]]),
        )
        encoded = tuple(write_compressed(point) for point in points)
        return _Vector(w, rho, v, bits, projections, k, kappa, (epsilons[0], epsilons[1]), encoded)
