"""The rules of a comparison, slot by slot: what is a difference, and what is told apart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE, CATALOGUES, EXTENSION, EXTENSIONS, digest_value
from fntx_dagster.model.witnesses import Source
from fntx_dagster.proof.form import canonical
from fntx_dagster.witness import report as reports
from fntx_dagster.witness.comparison import ComparedDay, OwnDay, Result, SlotOutcome, cannot, compared, need_slots
from fntx_dagster.witness.package import PackagedDay
from fntx_dagster.witness.report import SeenStatement, WitnessReport
from tests.witness.examples import CONTRACT, TRADER, UNIT, WITNESS, figures, signed

DAY = date(2025, 7, 18)
NAMES = {metric.index: metric.name for metric in CATALOGUE.metrics}
INNER = {metric.index: metric.name for metric in EXTENSION.metrics}
EQUAL = [*range(1, 14), *range(17, 21), 57]
TOLD_APART = [*range(14, 17), *range(21, 30)]
WINDOWS = [*range(34, 57), 59, 60, 61]


def judged(own: OwnDay, day: PackagedDay | None = None) -> ComparedDay:
    return compared(day or signed(DAY), own, CATALOGUE, EXTENSION)


def with_record(**slots: int | None) -> OwnDay:
    own = figures()
    return own._replace(record={**own.record, **{int(slot[1:]): value for slot, value in slots.items()}})


def with_extension(slot: int, value: int | None) -> OwnDay:
    own = figures()
    return own._replace(extension={**own.extension, slot: value})


def outcome_of(name: str, day: ComparedDay) -> SlotOutcome:
    return next(outcome for outcome, names in day.slots.items() if name in names)


def test_the_same_figures_agree_and_every_slot_has_one_outcome() -> None:
    day = judged(figures())
    assert (day.result, day.has_windows, day.differing) == (Result.AGREES, True, ())
    named = [name for names in day.slots.values() for name in names]
    assert sorted(named) == sorted([*NAMES.values(), *INNER.values()])
    assert day.slots[SlotOutcome.REBUILT] == ("aggregation_commitments", "extension_root", "period_commitments")
    assert day.slots[SlotOutcome.NOT_COMPARED] == ("ledger_entries", "ledger_head", "audit_size", "audit_root")


@pytest.mark.parametrize("catalogue", [*CATALOGUES, *EXTENSIONS], ids=lambda each: f"{each.title} {each.version}")
def test_every_slot_of_every_catalogue_has_a_rule(catalogue) -> None:
    own, day = figures(), signed(DAY)
    known = day.record if catalogue in CATALOGUES else day.extension
    assert known is not None
    for metric in catalogue.metrics:
        assert metric.index in known.values
    if catalogue in CATALOGUES:
        bare = {slot: day.record.values[slot] for slot in (metric.index for metric in catalogue.metrics)}
        older = replace(day, record=replace(day.record, values=bare), extension=None)
        assert compared(older, own, catalogue, None).result is Result.AGREES


@pytest.mark.parametrize("slot", EQUAL)
def test_an_amount_or_a_count_of_the_day_that_is_another_differs(slot: int) -> None:
    for value in ((figures().record[slot] or 0) + 1, None):
        day = judged(with_record(**{f"s{slot}": value}))
        assert day.result is Result.DIFFERS
        assert NAMES[slot] in day.differing


@pytest.mark.parametrize("slot", [4, 5, 6])
def test_a_count_of_round_trips_that_is_another_differs_and_with_it_what_is_built_on_it(slot: int) -> None:
    day = judged(with_extension(slot, 99))
    assert day.differing == ("extension_root", INNER[slot], "period_commitments")


@pytest.mark.parametrize("slot", TOLD_APART)
def test_a_part_that_a_later_statement_says_otherwise_is_told_apart_where_nav_and_pnl_are_the_same(slot: int) -> None:
    other = digest_value(b"\x77" * 32)
    name = f"s{slot}"
    assert NAMES[slot] in judged(with_record(**{name: 1})).differing  # the same files
    day = judged(with_record(**{name: 1, "s58": other}))
    assert outcome_of(NAMES[slot], day) is SlotOutcome.REGENERATED
    # the turnover is committed to: a witness cannot confirm what others add up
    assert day.differing == (("aggregation_commitments", "extension_root", "period_commitments") if slot == 15 else ())
    for kept in ("s2", "s4", "s13"):
        assert NAMES[slot] in judged(with_record(**{name: 1, "s58": other, kept: 5})).differing


def test_other_files_are_no_difference() -> None:
    day = judged(with_record(s58=digest_value(b"\x77" * 32)))
    assert day.result is Result.AGREES
    assert day.slots[SlotOutcome.OTHER_FILES] == ("statements_digest",)


@pytest.mark.parametrize("slot", WINDOWS)
def test_a_metric_over_a_window_is_compared_where_the_witness_has_every_statement_of_it(slot: int) -> None:
    assert NAMES[slot] in judged(with_record(**{f"s{slot}": 10**15})).differing
    day = judged(with_record(**{f"s{slot}": 10**15, "s0": 3}))
    assert (day.result, day.has_windows) == (Result.AGREES, False)
    assert outcome_of(NAMES[slot], day) is SlotOutcome.NOT_COVERED


def test_a_witness_who_sees_more_sessions_than_were_signed_disagrees() -> None:
    assert judged(with_record(s0=8)).differing == ("trading_day_num",)


@pytest.mark.parametrize("slot", [30, 31, 32, 33, 60, 61])
def test_a_model_s_figure_may_be_a_millionth_apart(slot: int) -> None:
    value = figures().record[slot] or 0
    size = max(UNIT, value)
    near, far = value + size // 10**6, value + size // 10**6 + 1
    assert outcome_of(NAMES[slot], judged(with_record(**{f"s{slot}": near}))) is SlotOutcome.WITHIN
    assert judged(with_record(**{f"s{slot}": far})).differing == (NAMES[slot],)
    assert outcome_of(NAMES[slot], judged(with_record(**{f"s{slot}": None}))) is SlotOutcome.NOT_COMPARED


@pytest.mark.parametrize("slot", [7, 8, 9, 10])
def test_what_is_not_the_broker_s_is_not_compared(slot: int) -> None:
    assert judged(with_extension(slot, 12345)).result is Result.AGREES


def test_commitments_to_other_figures_than_the_slots_beside_them_differ() -> None:
    """A trader who signs true figures beside a commitment to false ones is found out."""
    true, smoothed = figures(), with_record(s13=90 * UNIT, s4=80_090 * UNIT)
    liar, honest = signed(DAY, smoothed), signed(DAY, true)
    assert liar.extension is not None
    assert honest.extension is not None
    values = {**honest.record.values, 62: liar.record.values[62]}
    inner = {**honest.extension.values, 32: liar.extension.values[32]}
    day = replace(
        honest,
        record=replace(honest.record, values=values),
        extension=replace(honest.extension, values=inner),
        blindings=liar.blindings,
    )
    assert judged(true, day).differing == ("aggregation_commitments", "extension_root", "period_commitments")


def test_slots_that_the_catalogue_has_not_are_refused() -> None:
    with pytest.raises(Permanent, match="does not have the slots of its catalogue"):
        need_slots(signed(DAY), CATALOGUES[0], EXTENSION)
    need_slots(signed(DAY), CATALOGUE, EXTENSION)


def report(*days: ComparedDay, source: Source = Source.BROKER_FETCHED) -> WitnessReport:
    at = datetime(2025, 7, 19, 9, 0, 1, tzinfo=UTC)
    seen = SeenStatement(sha256(b"").hexdigest(), at)
    return WitnessReport(31337, CONTRACT, TRADER, WITNESS, source, days, (seen,), at, "0.9.0")


def test_a_report_is_read_as_it_was_written_and_names_no_value() -> None:
    agreeing, differing = judged(figures()), judged(with_record(s4=5))
    made = report(agreeing, differing._replace(day=date(2025, 7, 21)), cannot(signed(date(2025, 7, 22))))
    text = reports.written(made)
    assert reports.parse(text) == made
    assert made.agreeing == [agreeing]
    assert made.level == 19
    assert report(judged(with_record(s0=3))).level == 3
    assert made.evidence == sha256(canonical(json.loads(text))).digest()
    for value in (*figures().record.values(), *figures().extension.values()):
        assert value is None or abs(value) < 1000 or str(value) not in text
    for old, new in (('"agrees"', '"differs"'), ('"level": 19', '"level": 3'), ('"level": 19', '"level": 20')):
        with pytest.raises(Permanent):
            reports.parse(text.replace(old, new, 1))


def test_a_report_that_no_check_writes_is_refused() -> None:
    made = report(judged(figures()))
    [day] = made.days
    assert reports.parse(reports.written(made)) == made
    for changed, words in (
        (made._replace(days=(day._replace(slots={}),)), "agrees in no slot"),
        (made._replace(days=(day._replace(slots={SlotOutcome.EQUAL: ("fees", "fees")}),)), "names a metric twice"),
        (made._replace(days=(day, day)), "the days do not ascend"),
        (made._replace(statements=()), "there is no statement of them"),
        (made._replace(fetched_at=None), "fetched_at is not what the level says"),
        (made._replace(source=Source.FILES_SEEN), "fetched_at is not what the level says"),
    ):
        with pytest.raises(Permanent, match=words):
            reports.parse(reports.written(changed))
