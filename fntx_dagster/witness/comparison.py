"""How a witness compares a signed day with what it computed itself, slot by slot.

A rule is about a slot's meaning, which never changes. What is compared must be equal to the integer. What depends on
statements that the witness lacks, on the time at which a statement was made, or on things that are not the broker's is
told apart, so that a difference is one. The two commitments are rebuilt from the witness's own figures with the
package's blindings: that is what makes proofs of periods and totals over traders true. The roots are rebuilt from the
package, and each slot behind them is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from fntx_dagster.aggregate.commitments import FIELDS, Commitments, scale_of, values_of
from fntx_dagster.metrics.catalogue import Catalogue, digest_value
from fntx_dagster.periods.commitment import COMMITMENT_SLOT, CURRENCY, DayCommitment, committed_values
from fntx_dagster.proof.disclosure import EXTENSION_SLOT
from fntx_dagster.proof.form import need
from fntx_dagster.witness.package import Package, PackagedDay

Figures = Mapping[int, int | None]
"""Scaled integers by slot, None for null."""


class Result(StrEnum):
    """What became of a day."""

    AGREES = "agrees"
    DIFFERS = "differs"
    CANNOT = "cannot"
    """The witness has no statement of the day."""


class SlotOutcome(StrEnum):
    """What became of a slot."""

    DIFFERS = "differs"
    EQUAL = "equal"
    REBUILT = "rebuilt"
    """A commitment or the extension's root, from the witness's own figures."""
    WITHIN = "within"
    """No more than 1e-6 apart; of a figure above 1, of itself."""
    REGENERATED = "regenerated"
    """Another time's statement says otherwise, and both NAVs and the net P&L are the same."""
    NOT_COVERED = "not_covered"
    """The witness lacks statements of the window."""
    OTHER_FILES = "other_files"
    NOT_COMPARED = "not_compared"


class OwnDay(NamedTuple):
    """What a witness computed of a day, by slot; nothing is read of the slots that are rebuilt."""

    record: Figures
    extension: Figures

    def __repr__(self) -> str:
        return "OwnDay()"


class ComparedDay(NamedTuple):
    """A day's result. `slots`: outcome → the names of the metrics; `has_windows`: the witness has every statement that
    the metrics over windows need, so they are among the compared."""

    day: date
    version: int
    root: bytes
    result: Result
    slots: Mapping[SlotOutcome, tuple[str, ...]]
    has_windows: bool

    @property
    def differing(self) -> tuple[str, ...]:
        """The names of the metrics that differ."""
        return self.slots.get(SlotOutcome.DIFFERS, ())


_SESSION_NUMBER, _CURRENCY, _FILES, _AGGREGATION = 0, 57, 58, 62
_EQUAL = (*range(1, 14), *range(17, 21), _CURRENCY)
_REGENERATED = (*range(14, 17), *range(21, 30))
_WITHIN = (*range(30, 34), 60, 61)
_WINDOWS = (_SESSION_NUMBER, *range(34, 57), 59, 60, 61)
"""60 and 61 draw their scenarios from the sessions before: they are compared where those are covered."""
_EXTENSION_WINDOWS, _EXTENSION_EQUAL = range(4), range(4, 7)
_OPENING, _CLOSING, _NET_PNL = 2, 4, 13
_TOLERANCE_DECIMALS = 6


def need_roots(package: Package) -> None:
    """Permanent unless every day of a package leads to its roots and has the blindings of its commitments: another
    package is none of a signed day."""
    for day in package.days:
        need(day.record.root(package.context(day, day.record)) == day.root, f"{day.day} does not lead to its root")
        signed = day.record.values.get(EXTENSION_SLOT)
        if day.extension is None:
            need(signed is None, f"the extension of {day.day} is left out")
        else:
            root = day.extension.root(package.context(day, day.extension))
            need(signed == digest_value(root), f"the extension of {day.day} is not the one that was signed")
        aggregation, period = (None, None) if day.blindings is None else day.blindings
        inner = {} if day.extension is None else day.extension.values
        for value, blinding in (
            (day.record.values.get(_AGGREGATION), aggregation),
            (inner.get(COMMITMENT_SLOT), period),
        ):
            need((value is None) == (blinding is None), f"the blindings of {day.day} are not those of its commitments")


def need_slots(day: PackagedDay, catalogue: Catalogue, extension: Catalogue | None) -> None:
    """Permanent unless a day has exactly the slots of the catalogues that it was signed by."""
    for tree, its_catalogue in ((day.record, catalogue), (day.extension, extension)):
        if tree is not None and its_catalogue is not None:
            slots = {metric.index for metric in its_catalogue.metrics}
            need(tree.values.keys() == slots, f"{day.day} does not have the slots of its catalogue")


def cannot(day: PackagedDay) -> ComparedDay:
    """The result of a day of which the witness has no statement."""
    return ComparedDay(day.day, day.version, day.root, Result.CANNOT, {}, False)


def compared(day: PackagedDay, own: OwnDay, catalogue: Catalogue, extension: Catalogue | None) -> ComparedDay:
    """Compare a day, whose roots and slots hold (`need_roots`, `need_slots`), with a witness's own figures of it.

    The catalogues are those that it was signed by."""
    signed = day.record.values
    has_windows = signed[_SESSION_NUMBER] is not None and own.record[_SESSION_NUMBER] == signed[_SESSION_NUMBER]
    outcomes: dict[str, SlotOutcome] = {}
    for metric in catalogue.metrics:
        slot = metric.index
        if slot == _AGGREGATION:
            outcomes[metric.name] = _rebuilt(signed[slot], _aggregation(day, own))
        elif slot != EXTENSION_SLOT:
            outcomes[metric.name] = _of_record(slot, metric.decimals, signed, own.record, has_windows)
    if day.extension is not None and extension is not None:
        inner = {metric.name: _of_extension(metric.index, day, own, has_windows) for metric in extension.metrics}
        root = SlotOutcome.DIFFERS if SlotOutcome.DIFFERS in inner.values() else SlotOutcome.REBUILT
        outcomes |= {metric.name: root for metric in catalogue.metrics if metric.index == EXTENSION_SLOT} | inner
    slots = {
        each: tuple(name for name, outcome in outcomes.items() if outcome is each)
        for each in SlotOutcome
        if each in outcomes.values()
    }
    result = Result.DIFFERS if SlotOutcome.DIFFERS in slots else Result.AGREES
    return ComparedDay(day.day, day.version, day.root, result, slots, has_windows)


def _of_record(slot: int, decimals: int, signed: Figures, own: Figures, has_windows: bool) -> SlotOutcome:
    ours, theirs = own[slot], signed[slot]
    if slot == _SESSION_NUMBER and ours is not None and theirs is not None and ours > theirs:
        return SlotOutcome.DIFFERS  # there are sessions that were not signed as such
    if slot in _WINDOWS and not has_windows:
        return SlotOutcome.NOT_COVERED
    if slot == _FILES:
        return SlotOutcome.EQUAL if ours == theirs else SlotOutcome.OTHER_FILES
    if slot in _WITHIN:
        return _within(ours, theirs, decimals)
    if ours == theirs:
        return SlotOutcome.EQUAL
    other_files = own.get(_FILES) != signed.get(_FILES) or _FILES not in signed
    kept = all(own[each] == signed[each] for each in (_OPENING, _CLOSING, _NET_PNL))
    return SlotOutcome.REGENERATED if slot in _REGENERATED and other_files and kept else SlotOutcome.DIFFERS


def _of_extension(slot: int, day: PackagedDay, own: OwnDay, has_windows: bool) -> SlotOutcome:
    assert day.extension is not None
    signed = day.extension.values
    if slot == COMMITMENT_SLOT:
        return _rebuilt(signed[slot], _period(day, own))
    if slot in _EXTENSION_WINDOWS and not has_windows:
        return SlotOutcome.NOT_COVERED
    if slot in (*_EXTENSION_WINDOWS, *_EXTENSION_EQUAL):
        return SlotOutcome.EQUAL if own.extension[slot] == signed[slot] else SlotOutcome.DIFFERS
    return SlotOutcome.NOT_COMPARED


def _within(ours: int | None, theirs: int | None, decimals: int) -> SlotOutcome:
    if ours is None or theirs is None:
        return SlotOutcome.EQUAL if ours is theirs else SlotOutcome.NOT_COMPARED
    unit = 10**decimals
    near = abs(ours - theirs) * 10**_TOLERANCE_DECIMALS <= max(unit, abs(theirs))
    return SlotOutcome.WITHIN if near else SlotOutcome.DIFFERS


def _rebuilt(signed: int | None, digest: bytes | None) -> SlotOutcome:
    """A commitment that is null claims nothing."""
    if signed is None:
        return SlotOutcome.NOT_COMPARED
    return SlotOutcome.REBUILT if digest is not None and digest_value(digest) == signed else SlotOutcome.DIFFERS


def _aggregation(day: PackagedDay, own: OwnDay) -> bytes | None:
    """What slot 62 is with our own figures and the package's blindings; None where they allow no commitment."""
    blindings, currency = day.blindings, _currency(own.record)
    if blindings is None or blindings.aggregation is None or currency is None:
        return None
    figures = {name: own.record[slot] for name, slot in zip(FIELDS, (_CLOSING, 15, _NET_PNL), strict=True)}
    values = values_of(figures, scale_of(currency))
    return None if values is None else Commitments(currency, scale_of(currency), values, blindings.aggregation).digest


def _period(day: PackagedDay, own: OwnDay) -> bytes | None:
    """The same of the extension's slot 32. The session's number is compared with the windows."""
    blindings, currency, session = day.blindings, _currency(own.record), day.record.values[_SESSION_NUMBER]
    if blindings is None or blindings.period is None or currency is None or session is None:
        return None
    values = committed_values(own.record, own.extension)
    return None if values is None else DayCommitment(currency, session, values, blindings.period).digest


def _currency(figures: Figures) -> str | None:
    letters = figures[_CURRENCY]
    text = letters.to_bytes(32, "big", signed=True).lstrip(b"\0").decode("ascii", "replace") if letters else None
    return text if text is not None and CURRENCY.fullmatch(text) else None
