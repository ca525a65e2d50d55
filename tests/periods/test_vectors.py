"""Proofs of periods against the published vectors: whole files, patches, and the transcript to the byte."""

from __future__ import annotations

import json
from datetime import date

import pytest

from fntx_dagster.curve.group import ORDER
from fntx_dagster.periods import transcript
from fntx_dagster.periods.checking import check
from fntx_dagster.periods.commitment import FIELDS, DayCommitment
from fntx_dagster.periods.file import vector_size
from fntx_dagster.periods.history import HeldDay, against_history
from fntx_dagster.periods.proving import prove_statement
from fntx_dagster.periods.reading import parse
from tests.periods.examples import DAYS, PUBLISHED, patched, seeded, text_of

CASES = json.loads(text_of("cases.json"))
CHAIN = json.loads(text_of("chain.json"))
BROKEN = patched()
TRADERS = {
    "0x8b44fd03dd1d791068fa64c2bb43828703a3ecd0": "alice",
    "0xbe94f46bf7c13ffc0d1b9ced94b1c5dd2764518d": "bob",
    "0x412ee2542ecb55f281ecd6d65c1b9c490019e50f": "carol",
}
TRANSCRIPT = DAYS["transcript_of_sharpe"]


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_file_of_the_vectors_holds_by_itself_or_does_not_as_they_say(case):
    assert check(text_of(case["file"]), PUBLISHED).holds == case["offline"]


@pytest.mark.parametrize("name", BROKEN)
def test_no_patch_of_a_good_file_holds(name):
    assert not check(BROKEN[name], PUBLISHED).holds


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_file_of_the_vectors_agrees_with_the_chain_or_does_not_as_they_say(case):
    verdict = check(text_of(case["file"]), PUBLISHED)
    problems = list(verdict.problems)
    if verdict.holds:
        for account in verdict.period.accounts:
            problems += against_history(verdict.period, account, held_by(account.trader))
    assert (not problems) == case["node"]


def held_by(trader):
    """What the contract of the vectors holds of a trader: the latest version of each day."""
    latest: dict[date, HeldDay] = {}
    for post in CHAIN["posts"]:
        if post["trader"] == TRADERS[trader]:
            root, schema = bytes.fromhex(post["root"][2:]), bytes.fromhex(CHAIN["schema"][2:])
            latest[date.fromisoformat(post["date"])] = HeldDay(post["version"], root, schema)
    return latest


def test_the_challenges_of_a_proof_are_the_published_ones():
    period = parse(text_of("sharpe.json"), PUBLISHED)
    h0 = transcript.opened(period.statement)
    h1 = transcript.after_vector(h0, period.proof.vector.v)
    h2 = transcript.after_projections(h1, period.proof.vector.projections)
    found = {"statement": period.statement, "h0": h0, "h1": h1, "h2": h2}
    assert {name: f"0x{digest.hex()}" for name, digest in found.items()} == {name: TRANSCRIPT[name] for name in found}


@pytest.mark.parametrize(("name", "seed"), [("sharpe.json", "public-1 g2"), ("bounds.json", "public-1 g3")])
def test_the_prover_with_the_nonces_of_a_file_gives_its_bytes(name, seed):
    """Who knows the nonces can read the returns out of the file's answers: with these, all but what hangs on the other
    nine values and the blindings must come out to the byte."""
    period = parse(text_of(name), PUBLISHED)
    published = period.proof.vector
    returns = returns_read_with(period, seed)
    expected = {day["date"]: int(day["values"]["log_return"]) for day in DAYS["days"][::2]}  # of version 1
    dates = [day.date.isoformat() for day in period.days]
    assert {date: returns[dates.index(date)] for date in expected} == expected
    days = [DayCommitment("HKD", 1, (0, each, *[0] * 8), 0) for each in returns]
    proof = prove_statement(period.statement, [len(days)], days, period.shown, seeded(seed))
    assert proof.vector == published
    assert proof.t == period.proof.t
    for own, row in zip(proof.rows, period.proof.rows, strict=True):
        assert own[1 + FIELDS.index("log_return")] == row[1 + FIELDS.index("log_return")]


def returns_read_with(period, seed):
    """The log returns of a proof whose nonces are known: z = k + c·x. The roots' draws come first, as many as it took:
    where the nonces of the returns begin is found by the first one that leaves a small number."""
    vector = period.proof.vector
    h1 = transcript.after_vector(transcript.opened(period.statement), vector.v)
    h2 = transcript.after_projections(h1, vector.projections)
    c = transcript.challenge(transcript.after_nonces(h2, [vector.k, *vector.e, *period.proof.t]))
    draw, inverse = seeded(seed), pow(c, -1, ORDER)
    nonces = [draw() % ORDER for _ in range(3000)]

    def small(z, nonce):
        number = (z - nonce) * inverse % ORDER
        number -= ORDER if number > ORDER // 2 else 0
        return number if abs(number) < 2**60 else None

    count, size = len(period.days), vector_size(period.shown, len(period.days))
    first = next(place for place, nonce in enumerate(nonces) if small(vector.z[0], nonce) is not None)
    assert size == len(vector.z)
    return [small(vector.z[number], nonces[first + number]) for number in range(count)]
