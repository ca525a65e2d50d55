"""The whole way on a simulated XRP Ledger: approved, prepared, signed elsewhere, submitted, confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.xrpl.building import FILLED, build, decided
from fntx_dagster.adapters.xrpl.codec import decoded
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.transactions.confirming import SEND_AGAIN, confirm
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.importing import import_files, import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.queueing import queue
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.xrpl.ledger import new_ledger
from fntx_dagster.simulate.xrpl.server import XrplServer, serve_xrpl
from fntx_dagster.simulate.xrpl.view import NetworkRules
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.transactions import LedgerTxRow, transaction_of
from tests.services.governance.treasuries import REASON, decision
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions.worlds import approved, begun, events, issue, refused_twice, signed_elsewhere, town
from tests.simulate.xrpl.people import Town, address, token

NOW = SEND_AGAIN * 0


class Desk(NamedTuple):
    """A treasury at a simulated ledger that closes when it is told to."""

    settings: Settings
    db: Database
    town: Town
    server: XrplServer
    folder: Path

    def approved(self, value: str = "12.5", destination: str = "treasury") -> UUID:
        return approved(self.settings, self.db, "iou.issue", issue(value, destination))

    def signed(self, value: str = "12.5", by: tuple[str, ...] = ("treasury", "trustee")) -> UUID:
        """A proposal whose transaction is ready."""
        proposal = self.approved(value)
        [file] = export_files(self.settings, self.db, proposal, self.folder)
        for signer in by:
            import_part(self.settings, self.db, signed_elsewhere(file, signer))
        assert self.row(proposal).state == "ready_to_submit"
        return proposal

    def row(self, proposal: UUID) -> LedgerTxRow:
        with self.db.connect() as connection:
            row = transaction_of(connection, proposal)
        assert row
        return row

    def states(self, proposal: UUID) -> tuple[str, str]:
        return show(self.db, proposal).row.state, self.row(proposal).state

    def confirmed(self, proposal: UUID) -> str:
        [settled] = confirm(self.settings, self.db, proposal, send_again=NOW)
        return settled.state

    def held(self) -> str:
        line = self.town.line("treasury", "issuer")
        assert line
        return line["balance"]


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    here = town()
    with serve_xrpl(here.ledger) as server:
        yield Desk(begun(tmp_path / "home", database, xrpl=server.url), database, here, server, tmp_path / "out")


def test_an_issue_goes_the_whole_way_and_every_step_is_in_the_log_once(desk: Desk) -> None:
    proposal = desk.approved()
    before = len(events(desk.db))
    [file] = export_files(desk.settings, desk.db, proposal, desk.folder)
    assert desk.states(proposal) == ("prepared", "pending_signature")
    first = import_part(desk.settings, desk.db, signed_elsewhere(file, "compliance"))
    assert (first.state, first.missing) == ("partially_signed", 1)
    [waiting] = queue(desk.db)
    assert (waiting.next, waiting.signed_by, waiting.missing) == ("import", ("compliance",), ("treasury", "trustee"))
    second = import_part(desk.settings, desk.db, signed_elsewhere(file, "trustee"))
    assert (second.state, second.missing) == ("ready_to_submit", 0)
    assert submit(desk.settings, desk.db, proposal).words.startswith("tesSUCCESS")
    assert desk.confirmed(proposal) == "submitted"
    desk.town.close_ledger()
    assert desk.confirmed(proposal) == "confirmed"
    assert desk.states(proposal) == ("confirmed", "confirmed")
    assert desk.held() == "12.5"
    assert desk.confirmed(proposal) == "confirmed"
    assert queue(desk.db) == []
    said = events(desk.db)[before:]
    assert said == [
        *("compliance_check_passed", "transaction_prepare", "proposal_prepare"),
        *("proposal_sign", "transaction_sign"),
        *("transaction_sign", "transaction_complete", "proposal_complete"),
        *("compliance_check_passed", "proposal_submit", "transaction_submit"),
        *("transaction_confirm", "proposal_confirm", "iou_issued"),
    ]


def test_preparing_fills_in_what_the_ledger_says_and_nothing_else(desk: Desk) -> None:
    proposal = desk.approved()
    row = prepare(desk.settings, desk.db, proposal)
    tx = decoded(row.unsigned)
    intended = build(prepared(issue(), {"base_fee": 1, "signers": 0, "sequence": 1, "last_ledger_sequence": 1}), 5000)
    assert decided(row.unsigned) == decided(intended.unsigned_blob)
    assert {*tx} - {*decided(row.unsigned)} <= FILLED
    assert (tx["Sequence"], tx["SigningPubKey"]) == (desk.town.info("issuer")["account_data"]["Sequence"], "")
    assert tx["LastLedgerSequence"] == row.prepared_ledger + 74_000
    assert tx["Fee"] == "45"  # ten and a half as much again, for the account and two signers
    another = decoded(prepare(desk.settings, desk.db, desk.approved("1")).unsigned)
    assert another["Sequence"] == tx["Sequence"] + 1


def test_tickets_are_taken_before_sequences_and_none_twice(desk: Desk) -> None:
    assert desk.town.does("issuer", "TicketCreate", by=("s1", "s3"), TicketCount=2) == "tesSUCCESS"
    rows = [prepare(desk.settings, desk.db, desk.approved(str(value))) for value in (1, 2, 3)]
    sequence = desk.town.info("issuer")["account_data"]["Sequence"]
    assert [(row.sequence, row.ticket) for row in rows] == [
        (None, sequence - 2),
        (None, sequence - 1),
        (sequence, None),
    ]


@pytest.mark.parametrize("code", ["no_account", "no_line", "above_limit", "not_authorized", "frozen"])
def test_what_would_cost_a_fee_and_fail_is_refused_before(desk: Desk, code: str) -> None:
    destination = {"no_account": "nobody", "no_line": "stranger", "not_authorized": "stranger"}.get(code, "treasury")
    if code == "not_authorized":
        desk.town.does("stranger", "TrustSet", LimitAmount=token("1000", "issuer"))
    if code == "frozen":
        line = {**token("0", "treasury")}
        assert desk.town.does("issuer", "TrustSet", by=("s1", "s3"), LimitAmount=line, Flags=0x100000) == "tesSUCCESS"
    payload = issue("1000.1" if code == "above_limit" else "12.5", destination)
    assert refused_twice(desk.settings, desk.db, "iou.issue", payload) == code


def test_what_does_not_verify_is_not_kept(desk: Desk) -> None:
    proposal, other = desk.approved(), desk.approved("1")
    [file] = export_files(desk.settings, desk.db, proposal, desk.folder)
    first = signed_elsewhere(file, "treasury")
    import_part(desk.settings, desk.db, first)
    text = first.decode().strip()
    stolen = signed_elsewhere(file, "trustee").decode().strip()
    wrong = {
        "duplicate_signer": text,
        "other_transaction": text.replace("68", "69", 1),
        "bad_signature": stolen[:-60] + ("0" if stolen[-60] != "0" else "1") + stolen[-59:],
        "malformed": "hello, world",
    }
    [file] = export_files(desk.settings, desk.db, other, desk.folder)
    cancel(desk.settings, desk.db, other, "withdrawn")
    assert desk.states(other) == ("cancelled", "cancelled")
    wrong["other_transaction"] = signed_elsewhere(file, "compliance").decode()
    before = events(desk.db)
    for code, content in wrong.items():
        with pytest.raises(TransactionRefused) as refused:
            import_part(desk.settings, desk.db, content.encode())
        assert refused.value.code == code
    with pytest.raises(TransactionRefused, match="the file is empty"):
        import_part(desk.settings, desk.db, b" \n")
    assert events(desk.db) == before
    assert desk.states(proposal) == ("signing", "partially_signed")


def test_one_file_returns_the_signatures_of_several_transactions(desk: Desk) -> None:
    proposals = [desk.approved(), desk.approved("1")]
    files = [export_files(desk.settings, desk.db, each, desk.folder)[0] for each in proposals]
    lines = [signed_elsewhere(file, "treasury").strip() for file in files]
    answers = import_files(desk.settings, desk.db, [("signed.txt", b"\n".join([*lines, b"AB" * 40]))])
    assert [each.added.proposal_id if each.added else each.code for each in answers[:2]] == proposals
    assert answers[2].added is None
    [prose] = import_files(desk.settings, desk.db, [("letter.txt", b"Dear all,\nno signature\n")])
    assert prose.code == "malformed"


def test_a_pause_stops_preparing_exporting_and_submitting_and_asking_goes_on(desk: Desk) -> None:
    waiting, sent, ready = desk.approved(), desk.signed("1"), desk.signed("2")
    desk.server.fail(on="submit", do="cut")
    submit(desk.settings, desk.db, sent)
    pause = propose(desk.settings, desk.db, "emergency.pause", REASON)
    decide(desk.settings, desk.db, pause, decision(desk.db, pause, "compliance"))
    with pytest.raises(Permanent, match="paused"):
        prepare(desk.settings, desk.db, waiting)
    with pytest.raises(Permanent, match="paused"):
        export_files(desk.settings, desk.db, waiting, desk.folder)
    for proposal in (ready, sent):
        with pytest.raises(Permanent, match="paused"):
            submit(desk.settings, desk.db, proposal)
    assert desk.confirmed(sent) == "submitted"
    assert desk.row(sent).sent == 1
    resume = propose(desk.settings, desk.db, "emergency.resume", REASON)
    for signer in ("treasury", "compliance"):
        decide(desk.settings, desk.db, resume, decision(desk.db, resume, signer))
    assert desk.confirmed(sent) == "submitted"
    assert desk.row(sent).sent == 2
    desk.town.close_ledger()
    assert desk.confirmed(sent) == "confirmed"
    assert desk.held() == "1"


def test_an_answer_that_is_lost_makes_nothing_happen_twice(desk: Desk) -> None:
    proposal = desk.signed()
    desk.server.fail(on="submit", do="cut", taken=True)
    assert submit(desk.settings, desk.db, proposal).state == "submitted"
    desk.town.close_ledger()
    again = submit(desk.settings, desk.db, proposal).words
    assert again.startswith(f"already submitted; `fntx treasury confirm {proposal}` asks what became of it")
    assert again.endswith("tefPAST_SEQ: This sequence number has already passed")
    assert desk.confirmed(proposal) == "confirmed"
    assert desk.held() == "12.5"
    with pytest.raises(FntxError):
        cancel(desk.settings, desk.db, proposal, "too late")


def test_a_server_without_the_whole_history_decides_nothing(desk: Desk) -> None:
    proposal = desk.signed()
    desk.server.fail(on="submit", do="cut")
    submit(desk.settings, desk.db, proposal)
    assert desk.town.does("issuer", "AccountSet", by=("s1", "s3")) == "tesSUCCESS"
    row = desk.row(proposal)
    desk.server.fail(late_history=row.prepared_ledger + 1)
    assert desk.confirmed(proposal) == "submitted"
    desk.server.fail(late_history=1)
    assert desk.confirmed(proposal) == "failed"
    assert desk.states(proposal) == ("failed", "failed")
    assert "used its sequence" in desk.row(proposal).outcome
    assert desk.held() == "0"


def test_signed_bytes_whose_sequence_another_used_are_cancelled(desk: Desk) -> None:
    proposal = desk.signed()
    assert desk.town.does("issuer", "AccountSet", by=("s1", "s3")) == "tesSUCCESS"
    assert desk.confirmed(proposal) == "cancelled"
    assert desk.states(proposal) == ("expired", "cancelled")


def test_a_failure_in_a_ledger_is_final(desk: Desk) -> None:
    proposal = desk.signed("900")
    assert desk.town.does("treasury", "TrustSet", LimitAmount=token("100", "issuer")) == "tesSUCCESS"
    assert submit(desk.settings, desk.db, proposal).words.startswith("tecPATH_PARTIAL")
    assert desk.confirmed(proposal) == "submitted"
    desk.town.close_ledger()
    assert desk.confirmed(proposal) == "failed"
    row = desk.row(proposal)
    assert (row.outcome, row.outcome_ledger is not None) == ("tecPATH_PARTIAL", True)
    assert desk.states(proposal) == ("failed", "failed")
    assert "iou_issued" not in events(desk.db)


def test_under_another_list_of_signers_the_same_bytes_wait(desk: Desk) -> None:
    proposal = desk.signed()
    listed = [{"account": address(name), "weight": 1} for name in ("s1", "s2-k1", "s3")]
    desk.server.fail(signer_list={"account": address("issuer"), "quorum": 3, "signers": listed})
    assert submit(desk.settings, desk.db, proposal).words.startswith("tefBAD_QUORUM")
    assert desk.confirmed(proposal) == "submitted"
    desk.server.fail(signer_list={"account": address("issuer"), "quorum": 2, "signers": listed})
    assert desk.confirmed(proposal) == "submitted"
    desk.town.close_ledger()
    assert desk.confirmed(proposal) == "confirmed"


def test_who_was_put_on_a_list_meanwhile_is_paid_nothing(desk: Desk, tmp_path: Path) -> None:
    waiting, ready = desk.approved(), desk.signed("1")
    load_list(
        desk.settings, desk.db, write_list(tmp_path / "list.csv", *ROWS, "NK-9,Person,Helena Brightwater,,,"), by=BY
    )
    with pytest.raises(Permanent, match="match on a sanctions list"):
        prepare(desk.settings, desk.db, waiting)
    assert show(desk.db, waiting).row.state == "blocked"
    with pytest.raises(Permanent, match="not cleared"):
        submit(desk.settings, desk.db, ready)
    assert desk.states(ready) == ("ready", "ready_to_submit")
    assert events(desk.db)[-1] == "compliance_check_failed"


def test_a_server_of_another_network_is_refused(desk: Desk) -> None:
    proposal = desk.approved()
    with serve_xrpl(new_ledger({}, NetworkRules(2))) as server:
        treasury = desk.settings.treasury.model_copy(update={"xrpl_url": SecretStr(server.url)})
        with pytest.raises(Permanent, match="network 2"):
            prepare(desk.settings.model_copy(update={"treasury": treasury}), desk.db, proposal)
