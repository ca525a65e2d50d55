"""A pool in miniature, for the demo and the benchmark: five made-up traders, one of whom lies, and three trustees.

On the embedded chain alone. The days are old, the figures made up; keys, contracts, proofs and trustees' files are what
they are in earnest.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from fntx_dagster.adapters.evm.faults import Reverted
from fntx_dagster.adapters.evm.pool_calls import call_pool
from fntx_dagster.aggregate.commitments import PNL_OFFSET, Commitments
from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.transcript import context_of, epoch_of
from fntx_dagster.curve.group import GENERATOR, WIDE, random_scalar, read_wide, write_wide
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.metrics.catalogue import AGGREGATION_COMMITMENTS, CATALOGUE, digest_value
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.services.aggregation import opening, trading, trustees
from fntx_dagster.services.aggregation.asking import CheckedEpoch
from fntx_dagster.services.aggregation.checking import check_epoch
from fntx_dagster.services.aggregation.deploying import deploy
from fntx_dagster.services.aggregation.pool import PoolView, pool_of
from fntx_dagster.services.chain_of import connect

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

DAYS = (date(2025, 7, 18), date(2025, 7, 17))
"""The day that is submitted, and the one for a second try, with more time."""
FIGURES = ((79_755, 632_000, -123), (51_200, 18_400, 260), (250_000, 1_900_000, -1_480), (12_345, 0, 0))
"""AUM, volume and net P&L of the four who tell the truth, in whole dollars."""
LIE = (40_000, 70_000, 5)
_COLLECTING, _CHECKING = 20, 1
_PATIENCE = (3, 15)
"""Seconds; a slow machine gets this many times as long to submit and to evict as it took to make the trustees."""


class Rehearsal(NamedTuple):
    """What came out: the day, its file, what a stranger's check of it says, who was evicted."""

    day: date
    file: str
    checked: CheckedEpoch
    evicted: list[str]


def rehearse(
    settings: Settings, db: Database, folder: Path, on_progress: Callable[[str], None] = lambda text: None
) -> Rehearsal:
    """Form a committee of 2 of 3, let five traders submit a day, evict the one who lies, open it with two shares, and
    check the file of the day. `folder` gets the trustees' files. Permanent on any other chain than the embedded."""
    if settings.chain.rpc_url is not None:
        raise Permanent("made-up traders are for the embedded chain alone", "Unset FNTX_RPC_URL")
    for day, patience in zip(DAYS, _PATIENCE, strict=True):
        seats = _committee(settings, folder, patience, on_progress)
        try:
            evicted = _collected(seats[0], day, on_progress)
        except Reverted as refusal:
            if refusal.error not in ("NotCollecting", "NotChecking"):
                raise
            on_progress("the day was over before all had submitted: once more, with more time")
        else:
            return _opened(seats, db, day, evicted, on_progress)
    raise Transient("this machine is too busy for a day of a few seconds", "Try again when it has less to do")


def _opened(
    seats: list[Settings], db: Database, day: date, evicted: list[str], on_progress: Callable[[str], None]
) -> Rehearsal:
    on_progress("waiting until no trader can change the sums any more")
    _await_freeze(seats[0], day)
    for number in (0, 2):
        trustees.serve_share(seats[number], db, day, _account(number))
        on_progress(f"trustee {number} checked every proof and gave a share of the sums")
    opened = opening.open_day(seats[0], db, _account(0), day)
    on_progress(f"opened: {opened.totals.user_count} traders, AUM {opened.totals.total_aum:,} {opened.currency}")
    file = opening.written_record(seats[0], day)
    return Rehearsal(day, file, check_epoch(file), evicted)


def _account(number: int) -> str:
    return f"trustee:{number}"


def _committee(settings: Settings, folder: Path, patience: int, on_progress: Callable[[str], None]) -> list[Settings]:
    """A pool whose key is formed: the settings of each of its trustees."""
    began, password = time.monotonic(), SecretStr(secrets.token_urlsafe())
    locked = settings.model_copy(update={"keys": settings.keys.model_copy(update={"keystore_password": password})})
    files = [folder / f"trustee-{number}-{secrets.token_hex(4)}.json" for number in range(3)]
    made = [trustees.init(locked, file, _account(number)) for number, file in enumerate(files)]
    terms = {
        "min_users": len(FIGURES),
        "submit_seconds": max(_COLLECTING, int(patience * (time.monotonic() - began))),
        "challenge_seconds": _CHECKING,
        "min_age": 0,
        "min_cohort": 0,
        "trustees": [{"address": each.address, "box_key": each.box_key} for each in made],
    }
    address = deploy(settings, json.dumps(terms))
    seats = [
        locked.model_copy(
            update={
                "aggregation": settings.aggregation.model_copy(update={"aggregator": address, "trustee_file": file})
            }
        )
        for file in files
    ]
    for number, seat in enumerate(seats):
        trustees.contribute(seat, _account(number))
    for number, seat in enumerate(seats):
        trustees.confirm(seat, _account(number))
    on_progress(f"three trustees formed the key of the pool {address}: any two open a sum, none alone")
    return seats


def _collected(settings: Settings, day: date, on_progress: Callable[[str], None]) -> list[str]:
    """Five submissions, the first of them a lie, which is evicted."""
    accounts = [f"trader:{number}" for number in range(len(FIGURES) + 1)]
    for account in accounts:
        trading.register(settings, account)
    with connect(settings) as chain:
        pool = pool_of(settings, chain)
        calls = [
            _posted(chain, pool, account, day, figures, is_lie=number == 0)
            for number, (account, figures) in enumerate(zip(accounts, (LIE, *FIGURES), strict=True))
        ]
        for account, data in zip(accounts, calls, strict=True):
            signer = chain.trader(account)
            with chain.turn_of(signer.address):
                call_pool(pool.book, chain, signer, data)
    on_progress(f"{len(accounts)} traders submitted their encrypted figures of {day}; one of them lies")
    looked = opening.check_day(settings, day, evict_with=accounts[1])
    on_progress(f"{', '.join(looked.evicted)} lied: the proof does not hold, the contract took it off the sums")
    return looked.evicted


def _posted(
    chain: Chain, pool: PoolView, account: str, day: date, figures: tuple[int, int, int], *, is_lie: bool
) -> bytes:
    """Post a made-up record that commits to these figures; the call that submits it. A lie encrypts one dollar more
    than the record commits to."""
    signer, slot = chain.trader(account), CATALOGUE.by_name[AGGREGATION_COMMITMENTS].index
    aum, volume, pnl = figures
    blindings = (random_scalar(), random_scalar(), random_scalar())
    made = Commitments(pool.terms.rules.currency, pool.terms.rules.scale, (aum, volume, pnl + PNL_OFFSET), blindings)
    context = Context(schema_hash_of(CATALOGUE.canonical()), chain.chain_id, chain.contract, signer.address, day)
    record = build_record(
        context, account, {slot: digest_value(made.digest)}, secrets.token_bytes(32), salt_form=SaltForm.RECORD
    )
    with chain.turn_of(signer.address):
        chain.invoke(signer, chain.track_record, "postDailyRecord", epoch_of(day), context.schema_hash, record.root)
    bound = context_of(pool.address, signer.address, epoch_of(day))
    submission = prove(read_wide(pool.terms.key), bound, made.values, made.blindings)
    if is_lie:
        b_1 = slice(3 * WIDE, 4 * WIDE)
        more = write_wide(read_wide(submission[b_1]) + GENERATOR)
        submission = submission[: b_1.start] + more + submission[b_1.stop :]
    return pool.book.data("submit", epoch_of(day), record.salts[slot], list(record.proof(slot)), submission)


def _await_freeze(settings: Settings, day: date) -> None:
    with connect(settings) as chain:
        freezes_at = pool_of(settings, chain).book.day(day).freezes_at
    while time.time() <= freezes_at + 1:
        time.sleep(0.2)
