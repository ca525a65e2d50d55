"""The preimage: sealed until the one step that opens it, whoever is killed when, and shown nowhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from uuid import UUID

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.escrows.attesting import attest_document
from fntx_dagster.services.escrows.creating import create_escrow
from fntx_dagster.services.escrows.finishing import finish_escrow
from fntx_dagster.services.escrows.reading import list_escrows, show_escrow
from fntx_dagster.services.escrows.sealing import opened_fulfillment
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.transactions.exporting import to_sign
from fntx_dagster.services.treasury.signing import read_signing_file
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.treasury.escrows import sealed_preimage
from tests.forked import FORKED
from tests.services.escrows.dying import POINTS, finishes_until
from tests.services.escrows.harbour import DEED, TWO, Harbour
from tests.services.transactions.sending import Office


def secret_of(harbour: Harbour, escrow_id: UUID) -> str:
    """The preimage, in hex."""
    with harbour.db.connect() as connection:
        return opened_fulfillment(harbour.settings, connection, harbour.row(escrow_id))[8:].upper()


def kept(harbour: Harbour) -> str:
    """All that the database of the treasury has, as text."""
    with harbour.db.connect() as connection:
        names = connection.execute("select tablename from pg_tables where schemaname = 'treasury'").fetchall()
        rows = [
            row[0]
            for (name,) in names
            for row in connection.execute(own_sql(f'select own::text from treasury."{name}" as own')).fetchall()
        ]
    return "\n".join(rows).upper()


def files(harbour: Harbour) -> str:
    """All that lies in the home, as text."""
    found = [each for each in Path(harbour.settings.home).rglob("*") if each.is_file()]
    return "\n".join(each.read_bytes().hex() + each.read_text("latin-1") for each in found).upper()


def ready_to_finish(harbour: Harbour) -> UUID:
    """An escrow whose release is approved."""
    escrow_id = harbour.active()
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "title deed")
    vote = finish_escrow(harbour.settings, harbour.db, escrow_id).vote
    assert vote
    harbour.votes(vote, *TWO)
    return escrow_id


def test_a_kill_at_any_point_leaves_nothing_half_done_and_the_preimage_sealed(harbour: Harbour) -> None:
    escrow_id = ready_to_finish(harbour)
    secret, before = secret_of(harbour, escrow_id), kept(harbour)
    assert harbour.desk.xrpl is not None
    office = Office(str(harbour.settings.home), harbour.db.url, harbour.desk.xrpl.url)
    for place, name in POINTS:
        process = FORKED.Process(target=finishes_until, args=(office, escrow_id, place, name))
        process.start()
        process.join(60)
        assert process.exitcode == -9, name
        assert kept(harbour) == before, name
        assert harbour.state(escrow_id) == "Active"
        assert secret not in before + files(harbour)
    finish = finish_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert finish is not None
    assert harbour.sent(finish) == "confirmed"
    assert harbour.state(escrow_id) == "Released"


def test_the_preimage_is_in_the_bytes_that_are_signed_and_nowhere_else(
    harbour: Harbour, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    escrow_id = ready_to_finish(harbour)
    secret = secret_of(harbour, escrow_id)
    finish = finish_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert finish is not None
    file = to_sign(harbour.settings, harbour.db, finish.proposal_id)
    assert secret in file["unsigned_blob"]
    assert read_signing_file(json.dumps(file).encode()) == file  # signers read it as any file
    without = kept(harbour).replace(finish.unsigned, "")
    assert secret not in without
    views = [show(harbour.db, finish.proposal_id).as_dict(), show_escrow(harbour.db, escrow_id).as_dict()]
    views += [each.as_dict() for each in list_proposals(harbour.db, "all")]
    views += [each.as_dict() for each in list_escrows(harbour.db, "all")]
    said = capfd.readouterr()
    shown = json.dumps(views, default=str) + caplog.text + said.out + said.err + files(harbour)
    assert secret not in shown.upper()


def test_errors_on_the_way_to_a_finish_do_not_show_the_preimage(harbour: Harbour) -> None:
    escrow_id = ready_to_finish(harbour)
    secret = secret_of(harbour, escrow_id)
    with harbour.db.connect() as connection:
        sealed = sealed_preimage(connection, escrow_id)
    assert bytes.fromhex(secret) not in sealed.content
    harbour.town.ledger.entries.clear()  # the ledger has no account any more
    with pytest.raises(Permanent) as refused:
        finish_escrow(harbour.settings, harbour.db, escrow_id)
    chain: BaseException | None = refused.value
    while chain is not None:
        assert secret not in f"{chain!r} {chain.args}".upper()
        chain = chain.__context__
    assert harbour.state(escrow_id) == "Active"


def test_an_escrow_that_is_kept_is_not_finished_by_a_proposal_of_ones_own(harbour: Harbour) -> None:
    escrow_id = harbour.active()
    row = harbour.row(escrow_id)
    params = {"owner": row.owner, "offer_sequence": row.sequence}
    for kind, more in (("escrow.finish", {"condition": row.condition, "fulfillment": ""}), ("escrow.cancel", {})):
        if more:
            with harbour.db.connect() as connection:
                more["fulfillment"] = opened_fulfillment(harbour.settings, connection, row)
        intent = {"op": kind, "account": row.owner, "params": params | more}
        payload = {"ledger": "xrpl", "network_id": 1, "intent": intent}
        with pytest.raises(Permanent, match="steps of its own"):
            propose(harbour.settings, harbour.db, kind, payload, ["house"])


def test_a_pause_stops_every_transaction_of_an_escrow(harbour: Harbour) -> None:
    escrow_id = ready_to_finish(harbour)
    other = harbour.approved()
    pause = propose(harbour.settings, harbour.db, "emergency.pause", {"reason": "a key may be lost"})
    assert harbour.votes(pause, "treasury") == "approved"
    for step in (finish_escrow, create_escrow):
        with pytest.raises(Permanent, match="paused"):
            step(harbour.settings, harbour.db, escrow_id if step is finish_escrow else other)
    assert harbour.state(escrow_id) == "Active"


def test_approvals_of_a_release_do_not_count_for_another_escrow(harbour: Harbour) -> None:
    escrow_id, other = ready_to_finish(harbour), harbour.active()
    attest_document(harbour.settings, harbour.db, other, DEED, "title deed")
    move = finish_escrow(harbour.settings, harbour.db, other)
    assert move.transaction is None
    assert move.vote is not None
    with pytest.raises(Permanent, match="not what is kept"):
        propose(harbour.settings, harbour.db, "escrow.release", {"escrow": str(escrow_id)})
    payload = show(harbour.db, harbour.vote_on(escrow_id, "escrow.approve")).payload
    with pytest.raises(StepImpossible, match="submit is not possible"):
        propose(harbour.settings, harbour.db, "escrow.approve", payload)
