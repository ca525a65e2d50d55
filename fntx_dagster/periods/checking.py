"""Whether the file of a period holds by itself: each commitment leads to its day's root, and the proof is one.

The proof's equations are added up with random weights and checked as one sum of points. What only a chain or a calendar
knows, `history` asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fntx_dagster.curve.group import GENERATOR, IDENTITY, ORDER, H, Point, combined, named, read_compressed
from fntx_dagster.errors import Permanent
from fntx_dagster.periods import transcript
from fntx_dagster.periods.commitment import COMMITMENT_SLOT, FIELDS, digest_of, generators
from fntx_dagster.periods.file import (
    PROJECTIONS,
    Path,
    PeriodAccount,
    PeriodDay,
    PeriodFile,
    Schemas,
    VectorPart,
    row_names,
)
from fntx_dagster.periods.reading import parse
from fntx_dagster.periods.relations import Relation, relation
from fntx_dagster.periods.shown import CHAINED, NAV_CHANGE, TOTAL_FIELDS, figures_of
from fntx_dagster.proof.disclosure import EXTENSION_SLOT, scaled_root
from fntx_dagster.proof.leaves import Context, leaf_of
from fntx_dagster.proof.tree import empty_subtrees, root_above

OPENING, CLOSING, RETURN = FIELDS.index("opening_nav"), FIELDS.index("closing_nav"), FIELDS.index("log_return")


@dataclass(frozen=True)
class PeriodVerdict:
    """What a file of a period says, and whether it holds by itself. `period` is None where its form is not right."""

    period: PeriodFile | None
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.problems

    @property
    def figures(self) -> dict[str, Decimal | float | int | None]:
        """The figures that people read (`shown.figures_of`)."""
        return {} if self.period is None else figures_of(self.period.shown, len(self.period.days))


def check(text: str | bytes, published: Iterable[Schemas]) -> PeriodVerdict:
    """Read a period's file and check it; nothing is raised, whatever the bytes. `published` are the pairs of
    catalogues that FNTX published."""
    try:
        period = parse(text, published)
    except Permanent as refusal:
        return PeriodVerdict(None, (refusal.message,))
    return PeriodVerdict(period, tuple(_problems(period)))


def row_weights(counts: Sequence[int], row: str, xi: int) -> list[int]:
    """The weight of each day in a row; `counts`: the number of days of each account, in the file's order."""
    powers, days = [xi], sum(counts)
    while len(powers) < days:
        powers.append(powers[-1] * xi % ORDER)
    if row == "total":
        return [1] * days
    if row == "each":
        return powers
    weights, first = [0] * days, 0
    for count in counts:
        for day in range(first, first + count - 1):
            weights[day + (row == "next")] = powers[day]
        first += count
    return weights


_EMPTY = empty_subtrees()


def _problems(period: PeriodFile) -> list[str]:
    problems: list[str] = []
    points: dict[str, Point] = {}
    for name, data in _encoded(period).items():
        try:
            points[name] = read_compressed(data)
        except ValueError:
            problems.append(f"{name} is no point of the group that may stand there")
    if problems:
        return problems
    for place, account in enumerate(period.accounts):
        for number, day in enumerate(account.days):
            if not _leads_to_root(account, day, period.currency):
                problems.append(f"accounts[{place}].days[{number}], {day.date}, does not lead to its root")
    return problems + _of_proof(period, points)


def _leads_to_root(account: PeriodAccount, day: PeriodDay, currency: str) -> bool:
    """Whether the day's commitment is in slot 32 of the extension whose root is in slot 63 of the day's record."""
    context = Context(day.schemas.extension, account.chain_id, account.contract, account.trader, day.date)
    digest = int.from_bytes(digest_of(currency, day.session, day.commitment), "big", signed=True)
    leaf = leaf_of(context, COMMITMENT_SLOT, digest, day.salts[0])
    extension_root = root_above(leaf, COMMITMENT_SLOT, _filled(day.extension_path))
    context = Context(day.schemas.record, account.chain_id, account.contract, account.trader, day.date)
    leaf = leaf_of(context, EXTENSION_SLOT, scaled_root(extension_root), day.salts[1])
    return root_above(leaf, EXTENSION_SLOT, _filled(day.path)) == day.root


def _filled(path: Path) -> list[bytes]:
    return [empty if sibling is None else sibling for sibling, empty in zip(path, _EMPTY, strict=True)]


def _encoded(period: PeriodFile) -> dict[str, bytes]:
    """Every point of the file by the place where it stands."""
    places = {
        f"accounts[{place}].days[{number}].commitment": day.commitment
        for place, account in enumerate(period.accounts)
        for number, day in enumerate(account.days)
    }
    places |= {f"proof.t[{place}]": point for place, point in enumerate(period.proof.t)}
    if vector := period.proof.vector:
        places |= {"proof.v": vector.v, "proof.k": vector.k}
        places |= {f"proof.e[{place}]": point for place, point in enumerate(vector.e)}
    return places


class _Sum:
    """Points with their coefficients: those of generators and those of the file."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.scalars: list[int] = []

    def add(self, point: Point, scalar: int) -> None:
        self.points.append(point)
        self.scalars.append(scalar)


def _of_proof(period: PeriodFile, points: Mapping[str, Point]) -> list[str]:
    """What of the proof does not hold, its points being read."""
    proof, shown = period.proof, period.shown
    days, vector = len(period.days), proof.vector
    h1 = transcript.after_vector(transcript.opened(period.statement), vector.v if vector else b"")
    h2 = transcript.after_projections(h1, vector.projections) if vector else h1
    nonces = [vector.k, *vector.e, *proof.t] if vector else [*proof.t]
    h3 = transcript.after_nonces(h2, nonces)
    h4 = transcript.after_answers(h3, proof.rows, [*vector.z, vector.zeta, vector.epsilon] if vector else [])
    xi, y, c, o = map(transcript.challenge, (h1, h2, h3, h4))
    problems = _of_rows(shown, dict(zip(row_names(shown), proof.rows, strict=True)), c)
    counts = tuple(len(account.days) for account in period.accounts)

    summed = _Sum()
    weight, basis = 1, [0] * (1 + len(FIELDS))
    of_days = [0] * days
    for place, (name, row) in enumerate(zip(row_names(shown), proof.rows, strict=True)):
        weight = weight * o % ORDER
        basis = [before + weight * z for before, z in zip(basis, row, strict=True)]
        summed.add(points[f"proof.t[{place}]"], -weight)
        of_days = [
            before - weight * c % ORDER * each
            for before, each in zip(of_days, row_weights(counts, name, xi), strict=True)
        ]
    commitments = [point for place, point in points.items() if place.endswith("commitment")]
    if vector:
        powers = row_weights(counts, "each", xi)
        linked = sum(power * z for power, z in zip(powers, vector.z, strict=False)) % ORDER
        if proof.rows[1][1 + RETURN] != linked:
            problems.append("the single returns are not those of the days' commitments")
        bits = transcript.signs(h1, len(vector.z) - PROJECTIONS)
        held = relation(shown, days, bits, vector.projections, y)
        basis[0] += _add_vector(summed, vector, held, points, c, (weight * o % ORDER, weight * o * o % ORDER))
    for point, scalar in zip((H, *generators(), *commitments), (*basis, *of_days), strict=True):
        summed.add(point, scalar)
    if combined(summed.points, summed.scalars) != IDENTITY:
        problems.append("the equation of the proof does not hold")
    return problems


def _of_rows(shown: Mapping[str, int], rows: Mapping[str, tuple[int, ...]], c: int) -> list[str]:
    """What the scalars of the rows already refute: totals that are not the shown ones, days that are not chained."""
    total = rows["total"][1:]
    problems = [
        f"the total of {item} is not the one that is shown"
        for item, field in TOTAL_FIELDS.items()
        if item in shown and total[field] != c * shown[item] % ORDER
    ]
    if NAV_CHANGE in shown and (total[CLOSING] - total[OPENING] - c * shown[NAV_CHANGE]) % ORDER:
        problems.append("the change of the NAV is not the one that is shown")
    if CHAINED in shown and rows["next"][1 + OPENING] != rows["this"][1 + CLOSING]:
        problems.append("the days are not chained")
    return problems


def _add_vector(
    summed: _Sum,
    vector: VectorPart,
    held: Relation,
    points: Mapping[str, Point],
    c: int,
    weights: tuple[int, int],
) -> int:
    """Add the equations of the vector part; the coefficient of H."""
    of_vector, of_relation = weights
    for number, z in enumerate(vector.z):
        summed.add(named(f"g/{number}"), of_vector * z)
    summed.add(points["proof.k"], -of_vector)
    summed.add(points["proof.v"], -of_vector * c)
    squares = sum(q * z % ORDER * z for q, z in zip(held.quadratic, vector.z, strict=True) if q)
    crossed = sum(factor * z for factor, z in zip(held.linear, vector.z, strict=True))
    value = squares + c * crossed + c * c * held.constant
    summed.add(GENERATOR, of_relation * value)
    summed.add(points["proof.e[0]"], -of_relation)
    summed.add(points["proof.e[1]"], -of_relation * c)
    return of_vector * vector.zeta + of_relation * vector.epsilon
