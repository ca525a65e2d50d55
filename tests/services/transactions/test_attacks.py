"""What somebody may try, or what may happen at the same time, between an approval and a ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from stellar_sdk import TransactionEnvelope
from xrpl.models import Transaction
from xrpl.transaction import sign

from fntx_dagster.adapters.xrpl.outcomes import escrow_is_there
from fntx_dagster.adapters.xrpl.rpc import XrplRpc
from fntx_dagster.errors import FntxError
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.xrpl.ledger import EPOCH
from fntx_dagster.store.treasury.transactions import LedgerTxRow
from tests.forked import FORKED
from tests.services.governance.treasuries import REASON, decision
from tests.services.screening.conftest import BY
from tests.services.transactions.desks import TWO, SigningDesk
from tests.services.transactions.sending import Office, sends
from tests.services.transactions.walks import walked
from tests.services.transactions.worlds import approved, events, issue, payment, refused_twice
from tests.simulate.horizon.parts import HOLDER, LUMEN, STRANGER, TREASURY, key, line, multisig
from tests.simulate.xrpl.people import XRP, address, wallet


def test_the_signature_of_somebody_who_is_no_signer_is_not_kept(at_both: SigningDesk) -> None:
    proposal = at_both.prepared()
    row = at_both.row(proposal)
    if at_both.ledger == "xrpl":
        strange = sign(Transaction.from_blob(row.unsigned), wallet("stranger"), multisign=True).blob()
    else:
        envelope = TransactionEnvelope.from_xdr(row.unsigned, row.network)
        envelope.sign(STRANGER)
        strange = envelope.to_xdr()
    before = events(at_both.db)
    with pytest.raises(TransactionRefused) as refused:
        import_part(at_both.settings, at_both.db, strange.encode())
    assert refused.value.code == "unknown_signer"
    assert (events(at_both.db), at_both.states(proposal)) == (before, ("prepared", "pending_signature"))


def test_nothing_is_issued_while_the_issuer_has_frozen_all(at_xrpl: SigningDesk) -> None:
    assert at_xrpl.town
    assert at_xrpl.town.does("issuer", "AccountSet", by=("s1", "s3"), SetFlag=7) == "tesSUCCESS"
    assert refused_twice(at_xrpl.settings, at_xrpl.db, "iou.issue", issue("1")) == "global_freeze"


@pytest.mark.parametrize(
    ("drops", "to", "code"),
    [(999_500_000, "stranger", "no_reserve"), (XRP - 1, "nobody", "no_account"), (XRP, "nobody", "")],
)
def test_xrp_is_paid_from_what_is_above_the_reserve_to_who_has_one(
    at_xrpl: SigningDesk, drops: int, to: str, code: str
) -> None:
    params = {"destination": address(to), "amount": str(drops)}
    intent = {"op": "payment", "account": address("issuer"), "params": params}
    payload = {"ledger": "xrpl", "network_id": 1, "intent": intent}
    if code:
        assert refused_twice(at_xrpl.settings, at_xrpl.db, "distribution.pay", payload) == code
    else:
        proposal = approved(at_xrpl.settings, at_xrpl.db, "distribution.pay", payload)
        assert prepare(at_xrpl.settings, at_xrpl.db, proposal).state == "pending_signature"


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("no_account", None),
        ("no_line", {}),
        ("not_authorized", line(0, 1000, flags=0)),
        ("above_limit", line(995, 1000)),
    ],
)
def test_what_would_fail_on_stellar_is_refused_before_it_costs_a_fee(
    at_stellar: SigningDesk, code: str, fields: dict[str, Any] | None
) -> None:
    assert at_stellar.network
    holder = HOLDER.public_key
    if fields is not None:
        at_stellar.network.put(AccountEntry(holder, balance=100 * LUMEN, sequence=0, **fields))
    set_address(at_stellar.db, "good", holder, by=BY)
    payload = payment("12.5")
    payload["intent"]["params"]["destination"] = holder
    assert refused_twice(at_stellar.settings, at_stellar.db, "distribution.pay", payload) == code


def test_signers_of_a_stellar_account_that_changed_after_signing_end_the_transaction(at_stellar: SigningDesk) -> None:
    proposal = at_stellar.ready()
    assert at_stellar.network
    account = at_stellar.network.accounts[TREASURY.public_key]
    at_stellar.network.put(replace(account, **multisig(*(key(word) for word in ("four", "five", "six")))))
    assert submit(at_stellar.settings, at_stellar.db, proposal).state == "failed"
    assert at_stellar.states(proposal) == ("failed", "failed")
    assert at_stellar.row(proposal).outcome.startswith("tx_bad_auth")
    assert at_stellar.paid() == 0


def test_an_escrow_is_there_when_it_is_made_and_gone_when_it_is_finished(at_xrpl: SigningDesk) -> None:
    desk = at_xrpl
    assert desk.town
    assert desk.xrpl
    rpc = XrplRpc(desk.xrpl.url, 3, 10)
    begins, ends = (
        f"{datetime.fromtimestamp(EPOCH + desk.town.ledger.last.close_time + seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
        for seconds in (4, 10_000)
    )
    params = {"destination": address("stranger"), "amount": str(XRP), "finish_after": begins, "cancel_after": ends}
    create = _done(desk, "escrow.create", "escrow.create", params)
    number = desk.row(create).sequence or 0
    assert escrow_is_there(rpc, address("issuer"), number, desk.town.ledger.last.ledger_index)
    desk.close(5)
    owner = {"owner": address("issuer"), "offer_sequence": number}
    once, twice = (_prepared(desk, "escrow.finish", "escrow.finish", owner) for _ in range(2))
    _sent(desk, once, end="confirmed")
    assert not escrow_is_there(rpc, address("issuer"), number, desk.town.ledger.last.ledger_index)
    assert _sent(desk, twice, end="failed").outcome == "tecNO_TARGET"
    said = Counter(events(desk.db))
    assert (said["escrow_created"], said["escrow_released"]) == (1, 1)


def _done(desk: SigningDesk, kind: str, op: str, params: dict[str, Any]) -> UUID:
    """A proposal of the issuer's, brought to its end."""
    proposal = _prepared(desk, kind, op, params)
    _sent(desk, proposal, end="confirmed")
    return proposal


def _prepared(desk: SigningDesk, kind: str, op: str, params: dict[str, Any]) -> UUID:
    intent = {"op": op, "account": address("issuer"), "params": params}
    payload = {"ledger": "xrpl", "network_id": 1, "intent": intent}
    proposal = approved(desk.settings, desk.db, kind, payload)
    prepare(desk.settings, desk.db, proposal)
    return proposal


def _sent(desk: SigningDesk, proposal: UUID, end: str) -> LedgerTxRow:
    desk.signed(proposal, *TWO)
    submit(desk.settings, desk.db, proposal)
    desk.close()
    assert desk.settled(proposal).state == end
    return desk.row(proposal)


def test_of_six_who_import_at_once_each_signature_is_kept_once_and_completes_once(at_both: SigningDesk) -> None:
    proposal = at_both.prepared()
    parts = [at_both.part(proposal, signer) for signer in ("treasury", "compliance", "trustee") * 2]
    answers = Counter(_at_once(lambda part: import_part(at_both.settings, at_both.db, part), parts))
    assert answers == {"done": 3, "duplicate_signer": 3}
    told = Counter(events(at_both.db))
    assert (told["transaction_sign"], told["transaction_complete"], told["proposal_complete"]) == (3, 1, 1)
    submit(at_both.settings, at_both.db, proposal)
    at_both.close()
    assert at_both.settled(proposal).state == "confirmed"
    walked(at_both.settings, at_both.db)


def test_of_those_who_prepare_at_once_none_gets_the_turn_of_another(at_both: SigningDesk) -> None:
    proposals = [at_both.approved(str(value)) for value in (1, 2, 3)]
    answers = Counter(_at_once(lambda each: prepare(at_both.settings, at_both.db, each), proposals * 2))
    assert answers == {"done": 6}
    assert events(at_both.db).count("transaction_prepare") == 3
    turns = sorted(at_both.row(each).sequence or 0 for each in proposals)
    assert turns == [turns[0], turns[0] + 1, turns[0] + 2]
    walked(at_both.settings, at_both.db)


def test_of_those_who_export_at_once_all_get_the_same_file(at_both: SigningDesk, tmp_path: Path) -> None:
    proposal = at_both.approved()
    written: list[Path] = []
    answers = _at_once(
        lambda folder: written.extend(export_files(at_both.settings, at_both.db, proposal, folder)),
        [tmp_path / f"{number % 2}" for number in range(6)],
    )
    assert answers == ["done"] * 6
    assert len({file.read_bytes() for file in written}) == 1
    assert [len([*(tmp_path / each).iterdir()]) for each in ("0", "1")] == [1, 1]
    assert events(at_both.db).count("transaction_prepare") == 1
    assert prepare(at_both.settings, at_both.db, proposal) == at_both.row(proposal)


def test_what_is_signed_or_over_is_not_prepared_again(at_both: SigningDesk) -> None:
    ready, over = at_both.ready(), at_both.prepared("2")
    cancel(at_both.settings, at_both.db, over, "withdrawn")
    for each in (ready, over):
        with pytest.raises(StepImpossible, match="the proposal is"):
            prepare(at_both.settings, at_both.db, each)


def _at_once(work: Callable[[Any], Any], things: list[Any]) -> list[str]:
    def one(thing: Any) -> str:
        try:
            work(thing)
        except TransactionRefused as refusal:
            return refusal.code
        except FntxError:
            return "refused"
        return "done"

    with ThreadPoolExecutor(len(things)) as pool:
        return [*pool.map(one, things)]


def test_nothing_reaches_the_ledger_once_a_pause_is_decided_while_others_send(at_xrpl: SigningDesk) -> None:
    desk, server = at_xrpl, at_xrpl.xrpl
    assert server
    proposals = [desk.ready(), desk.ready("2")]
    pause = propose(desk.settings, desk.db, "emergency.pause", REASON)
    file = decision(desk.db, pause, "compliance")
    office = Office(str(desk.settings.home), desk.db.url, xrpl=server.url)
    alive = []
    for _ in range(2):
        hears, says = FORKED.Pipe(duplex=False)
        process = FORKED.Process(target=sends, args=(office, proposals, says))
        process.start()
        assert hears.poll(60)
        alive.append(process)

    def sent() -> int:
        return sum(request.method == "submit" for request in server.asked)

    try:
        deadline = time.monotonic() + 60
        while sent() < 10:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        decide(desk.settings, desk.db, pause, file)
        after = sent()
        asked = len(server.asked)
        while len(server.asked) < asked + 10:  # they go on asking
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert sent() == after
    finally:
        for process in alive:
            process.kill()
            process.join()
    desk.close()
    assert [desk.settled(each).state for each in proposals] == ["confirmed", "confirmed"]
    assert Decimal(desk.paid()) == 3
    walked(desk.settings, desk.db)
