"""The treasury's assets, checks, schedules and sensors: they sign the log, follow the lists, ask the ledgers, end what
is over; and the process that they run in holds no key of a ledger."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr
from stellar_sdk import StrKey
from xrpl.core.addresscodec import XRPLAddressCodecException, decode_seed

from fntx_dagster.adapters.evm import keys
from fntx_dagster.defs import sensors, treasury
from fntx_dagster.defs.definitions import defs
from fntx_dagster.defs.findings import observed
from fntx_dagster.model.finding import Observed
from fntx_dagster.services.alerting import open_alerts, record
from fntx_dagster.services.auditing.anchoring import anchor
from fntx_dagster.services.auditing.anchors_due import late_anchors
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import outcome_of, show
from fntx_dagster.services.governance.screening import UNDECIDED, decide_match
from fntx_dagster.services.screening.deciding import MatchDecision, screen_now, to_sign
from fntx_dagster.services.screening.gating import FALSE_POSITIVE, TRUE_MATCH
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings, child_environment
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.screenings import last_screenings
from tests.governance.keys import KEYS, signed_by
from tests.services.anchoring.harbour import harbour
from tests.services.auditing.conftest import as_superuser
from tests.services.governance.treasuries import REASON, decision
from tests.services.screening.conftest import BY, ROWS, write_list
from tests.services.transactions import worlds
from tests.tools import ROOT

from .around import Daemon, platform_of

PACKAGE = ROOT / "fntx_dagster"
JOBS = {job.name: job for job in defs.jobs}


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """A treasury whose signers are enrolled, with a fresh list and a party."""
    return worlds.begun(tmp_path / "home", database)


@pytest.fixture
def daemon(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    own = Daemon(settings, database, monkeypatch)
    own.now = datetime.now(UTC)
    return own


def observations(settings: Settings, db: Database, job: str) -> list[Observed]:
    """What the checks of a run of a job observe, as the sensor of runs records it."""
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def(job).execute_in_process(
            instance=instance, resources={"platform": platform_of(settings, db)}
        )
        return [observed(evaluation) for evaluation in done.get_asset_check_evaluations()]


def undecided_alerts(db: Database) -> list[str]:
    return sorted(alert.subject for alert in open_alerts(db) if alert.source == UNDECIDED)


def newest_check(db: Database, party: str) -> int:
    with db.connect() as connection:
        return last_screenings(connection, [party])[party].screening_id


def shown(settings: Settings, db: Database, job: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Asset → metadata of a run of a job, and check → words of those that failed."""
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def(job).execute_in_process(
            instance=instance, resources={"platform": platform_of(settings, db)}, raise_on_error=True
        )
        rows = {
            event.asset_key.to_user_string(): {
                name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
            }
            for event in done.get_asset_materialization_events()
            if event.asset_key
        }
        return rows, {
            check.check_name: f"{check.description}" for check in done.get_asset_check_evaluations() if not check.passed
        }


def with_files(settings: Settings, **files: Path) -> Settings:
    compliance = settings.compliance.model_copy(update={"list_files": files})
    return settings.model_copy(update={"compliance": compliance})


class TestTheAuditLog:
    def test_every_hour_the_log_is_signed_and_once_a_day_looked_at(self, daemon: Daemon) -> None:
        at = datetime(2026, 3, 2, 4, tzinfo=UTC)
        context = dg.build_schedule_context(scheduled_execution_time=at, resources=daemon.resources)
        assert treasury.checkpoint_of_the_hour(context).run_key == "2026-03-02T04"
        assert treasury.verification_of_the_log(context).run_key == "2026-03-02"
        daemon.settings = Settings(home=daemon.settings.home)
        context = dg.build_schedule_context(scheduled_execution_time=at, resources=daemon.resources)
        assert "FNTX_TREASURY_CONFIG" in f"{treasury.checkpoint_of_the_hour(context).skip_message}"

    def test_the_checkpoint_covers_what_happened_and_is_made_once(self, settings: Settings, database: Database) -> None:
        rows, failed = shown(settings, database, "checkpoint_audit_log")
        size = status(settings, database).events
        assert rows["audit_checkpoint"]["events"] == status(settings, database).signed == size
        assert (rows["audit_checkpoint"]["new"], failed) == (True, {})
        assert "fntx audit anchor" in rows["anchor_payload_evm"]["to_do"]
        again, _ = shown(settings, database, "checkpoint_audit_log")
        assert again["audit_checkpoint"]["root"] == rows["audit_checkpoint"]["root"]
        assert again["audit_checkpoint"]["new"] is False
        assert shown(settings, database, "verify_audit_log")[1] == {}

    def test_what_is_due_on_the_evm_chain_is_queued_without_a_key_and_sent_by_who_has_it(
        self, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        anchor(settings, database, datetime.now(UTC) - timedelta(hours=25))
        with database.connect() as connection:
            connection.execute("alter table treasury.evm_anchor disable trigger user")
            connection.execute("update treasury.evm_anchor set queued_at = queued_at - interval '25 hours'")
            connection.execute("alter table treasury.evm_anchor enable trigger user")

        def refused(*_: object) -> None:
            raise AssertionError("a key was asked for")

        with monkeypatch.context() as patched:
            for name in ("signer_of", "trader_of", "deployer_of"):
                patched.setattr(keys, name, refused)
            rows, _ = shown(settings, database, "checkpoint_audit_log")
            payload = rows["anchor_payload_evm"]
            assert (payload["waiting"], payload["new"]) == (1, True)
            assert rows["audit_checkpoint"]["root"] in payload["queued"]
            assert shown(settings, database, "checkpoint_audit_log")[0]["anchor_payload_evm"]["new"] is False
        [sent] = anchor(settings, database, datetime.now(UTC), if_due=True).new
        assert sent.root.hex() == rows["audit_checkpoint"]["root"]
        assert shown(settings, database, "checkpoint_audit_log")[0]["anchor_payload_evm"]["waiting"] == 0

    def test_an_edited_row_fails_the_look_and_a_deleted_one_the_checkpoint(
        self, settings: Settings, database: Database
    ) -> None:
        shown(settings, database, "checkpoint_audit_log")
        turned = "set_byte(ciphertext, 0, 255 - get_byte(ciphertext, 0))"
        as_superuser(database, f"update treasury.audit_event set ciphertext = {turned} where seq = 1")
        _, failed = shown(settings, database, "verify_audit_log")
        assert failed["log_holds"].startswith("line 1 does not open")
        as_superuser(
            database, "delete from treasury.audit_event where seq = (select max(seq) from treasury.audit_event)"
        )
        with pytest.raises(dg.Failure, match="shortened"):
            shown(settings, database, "checkpoint_audit_log")
        assert [alert.kind for alert in open_alerts(database)] == ["audit"]

    def test_what_is_due_on_the_other_ledgers_is_made_unsigned_once_and_says_what_comes_next(
        self, database: Database, tmp_path: Path
    ) -> None:
        with harbour(tmp_path / "home", database) as here:
            here.stand("xrpl")
            for is_new in (True, False):
                rows, failed = shown(here.settings, database, "checkpoint_audit_log")
                on_xrpl, on_stellar = rows["anchor_payload_xrpl"], rows["anchor_payload_stellar"]
                assert (on_xrpl["state"], on_xrpl["new"]) == ("prepared", is_new)
                assert (on_stellar["state"], on_stellar["new"]) == ("pending_approval", is_new)
                assert "sign-anchors" in on_xrpl["to_do"]
                assert "fntx treasury show" in on_stellar["to_do"]
                assert failed == {"lists_are_recent": "no sanctions list is loaded: nobody can be cleared"}
            assert here.on_xrpl() == [], "nothing was signed"
            assert {each.state for each in here.signed()} == {"confirmed"}
            rows, _ = shown(here.settings, database, "checkpoint_audit_log")
            assert (rows["anchor_payload_xrpl"]["state"], len(here.on_xrpl())) == ("confirmed", 1)

    def test_a_server_that_is_away_is_said_and_fails_nothing(self, settings: Settings, database: Database) -> None:
        urls = {"xrpl_url": SecretStr("http://127.0.0.1:9")}
        away = settings.model_copy(update={"treasury": settings.treasury.model_copy(update=urls)})
        rows, _ = shown(away, database, "checkpoint_audit_log")
        assert rows["anchor_payload_xrpl"]["state"] == "pending_approval", "a proposal needs no server"
        assert rows["anchor_payload_stellar"]["to_do"] == "FNTX_HORIZON_URL names no server"

    def test_a_ledger_without_an_anchor_for_two_days_is_a_warning(self, settings: Settings, database: Database) -> None:
        urls = {"xrpl_url": SecretStr("http://127.0.0.1:9"), "horizon_url": SecretStr("http://127.0.0.1:9")}
        anchored = settings.model_copy(update={"treasury": settings.treasury.model_copy(update=urls)})
        shown(settings, database, "checkpoint_audit_log")
        now = datetime.now(UTC)
        assert late_anchors(anchored, database, now + timedelta(hours=47)) == []
        late = late_anchors(anchored, database, now + timedelta(hours=49))
        assert [finding.text for finding in late] == [
            f"{ledger}: no anchor of the audit log is there yet" for ledger in ("xrpl", "stellar")
        ]


class TestTheLists:
    def test_a_file_is_loaded_once_for_each_state_that_it_has(self, daemon: Daemon, tmp_path: Path) -> None:
        said = daemon.tick(sensors.list_files)
        assert f"{said}".startswith("FNTX_LIST_FILES names no file")
        file = write_list(tmp_path / "eu.csv", *ROWS)
        daemon.settings = with_files(daemon.settings, eu=file)
        first = daemon.tick(sensors.list_files).run_key
        assert daemon.tick(sensors.list_files).run_key == first
        write_list(file, *ROWS, "NK-9,Person,Orsolya Tamm,,1970,hu")
        assert daemon.tick(sensors.list_files).run_key != first
        daemon.settings = Settings(home=daemon.settings.home)
        assert daemon.tick(sensors.list_files) == treasury.treasury.NOT_CONFIGURED

    def test_new_bytes_screen_everybody_and_block_what_is_not_submitted(
        self, settings: Settings, database: Database, tmp_path: Path
    ) -> None:
        file = write_list(tmp_path / "eu.csv", *ROWS)
        settings = with_files(settings, eu=file)
        proposal = propose(settings, database, "iou.issue", worlds.issue(), ["good"])
        for signer in ("treasury", "trustee"):
            decide(settings, database, proposal, decision(database, proposal, signer))
        rows, failed = shown(settings, database, "load_lists")
        assert (rows["sanctions_list"]["loaded"], rows["party_rescreen"]["screened"], failed) == (1, 1, {})
        rows, _ = shown(settings, database, "load_lists")
        assert (rows["sanctions_list"]["loaded"], rows["party_rescreen"]["screened"]) == (0, 0)
        write_list(file, *ROWS, "NK-9,Person,Helena Brightwater,,,")
        rows, failed = shown(settings, database, "load_lists")
        assert rows["party_rescreen"] == {"screened": 1, "moved": 1, "proposals": rows["party_rescreen"]["proposals"]}
        assert show(database, proposal).row.state == "blocked"
        assert failed["every_match_is_decided"].startswith("party good has a match on a list: check ")
        assert "Brightwater" not in f"{rows} {failed}"
        assert [alert.kind for alert in open_alerts(database)] == ["compliance"]

    @pytest.mark.parametrize("verdict", [FALSE_POSITIVE, TRUE_MATCH])
    def test_the_alert_about_a_match_ends_when_it_is_decided(
        self, settings: Settings, database: Database, tmp_path: Path, verdict: str
    ) -> None:
        settings = with_files(settings, eu=write_list(tmp_path / "eu.csv", *ROWS, "NK-9,Person,Helena Brightwater,,,"))
        set_party(settings, database, "bad", "VANTROSK, Aurelio", "Person", "1961", by=BY)
        for _ in range(2):  # the second run screens nobody, and what is undecided stays so
            record(database, observations(settings, database, "load_lists"))
            assert undecided_alerts(database) == ["bad", "good"]
        check = newest_check(database, "bad")
        decision_on = MatchDecision(verdict, "compared with the passport")
        signed = None
        if verdict == FALSE_POSITIVE:
            content = to_sign(settings, database, check, decision_on)
            signed = {"signer": "compliance", "signature": signed_by(KEYS["compliance"], content).hex()}
        decide_match(settings, database, check, decision_on, by=BY, signed=signed)
        assert undecided_alerts(database) == ["good"], "it ends with the decision"
        set_party(settings, database, "good", "Orsolya Tamm", "Person", by=BY)
        screen_now(settings, database, ["good"], by=BY)
        record(database, observations(settings, database, "load_lists"))
        assert undecided_alerts(database) == [], "a match that is gone ends with the next run"

    def test_who_a_killed_process_did_not_come_to_is_screened_by_the_next(
        self, settings: Settings, database: Database, tmp_path: Path
    ) -> None:
        settings = with_files(settings, eu=write_list(tmp_path / "eu.csv", *ROWS))
        shown(settings, database, "load_lists")
        set_party(settings, database, "bad", "VANTROSK, Aurelio", "Person", "1961", by=BY)
        file = write_list(tmp_path / "eu.csv", *ROWS, "NK-9,Person,Orsolya Tamm,,1970,hu")
        load_list(settings, database, file, "eu", by=BY)  # and then it was killed
        rows, failed = shown(settings, database, "load_lists")
        assert (rows["sanctions_list"]["loaded"], rows["party_rescreen"]["screened"]) == (0, 2)
        assert "party bad" in failed["every_match_is_decided"]

    def test_a_file_that_is_refused_fails_its_check_and_holds_up_no_other(
        self, settings: Settings, database: Database, tmp_path: Path
    ) -> None:
        good, bad = write_list(tmp_path / "good.csv", *ROWS), tmp_path / "bad.csv"
        bad.write_text("nothing of a list")
        rows, failed = shown(with_files(settings, bad=bad, gone=tmp_path / "no.csv", good=good), database, "load_lists")
        assert rows["sanctions_list"]["loaded"] == 1
        assert failed["every_list_file_is_loaded"].startswith("list bad: bad.csv is no list")
        assert "(and 1 more)" in failed["every_list_file_is_loaded"]

    def test_a_list_that_is_too_old_is_a_warning(self, settings: Settings, database: Database, tmp_path: Path) -> None:
        old = write_list(tmp_path / "old.csv", *ROWS, age=timedelta(hours=60))
        _, failed = shown(with_files(settings, old=old), database, "load_lists")
        assert failed["lists_are_recent"] == "list old: it is 60 hours old: nobody can be cleared"


class TestTransactionsAndProposals:
    def test_without_a_treasury_nothing_is_asked(self, daemon: Daemon) -> None:
        daemon.settings = Settings(home=daemon.settings.home)
        for sensor in (sensors.ledger_transactions, sensors.overdue_proposals):
            assert daemon.tick(sensor) == treasury.treasury.NOT_CONFIGURED

    def test_a_submitted_transaction_is_confirmed_by_a_run(
        self, daemon: Daemon, database: Database, tmp_path: Path
    ) -> None:
        town = worlds.town()
        with serve_xrpl(town.ledger) as server:
            own = worlds.TreasurySettings(config=daemon.settings.treasury.config, xrpl_url=SecretStr(server.url))
            daemon.settings = daemon.settings.model_copy(update={"treasury": own})
            assert daemon.tick(sensors.ledger_transactions) == "No transaction of the treasury is open."
            proposal = worlds.approved(daemon.settings, database, "iou.issue", worlds.issue())
            [file] = export_files(daemon.settings, database, proposal, tmp_path / "out")
            slow = daemon.tick(sensors.ledger_transactions).run_key
            daemon.now += timedelta(seconds=30)
            assert daemon.tick(sensors.ledger_transactions).run_key in (slow, f"transactions {int(slow[13:]) + 1}")
            for signer in ("treasury", "trustee"):
                import_part(daemon.settings, database, worlds.signed_elsewhere(file, signer))
            submit(daemon.settings, database, proposal)
            assert isinstance(daemon.tick(sensors.ledger_transactions), dg.RunRequest)
            town.close_ledger()
            JOBS["attend_treasury"].execute_in_process(resources=daemon.resources)
        assert show(database, proposal).row.state == "confirmed"
        assert re.fullmatch(
            r"Its transaction [0-9A-F]{64} is in ledger \d+ of xrpl, tesSUCCESS\.", outcome_of(database, proposal)
        )
        assert daemon.tick(sensors.ledger_transactions) == "No transaction of the treasury is open."

    def test_a_proposal_past_its_end_expires(self, daemon: Daemon, database: Database) -> None:
        assert daemon.tick(sensors.overdue_proposals) == "No proposal is past its end."
        proposal = propose(daemon.settings, database, "emergency.pause", REASON)
        daemon.now += timedelta(hours=73)
        assert isinstance(daemon.tick(sensors.overdue_proposals), dg.RunRequest)
        done = treasury.treasury.attend(daemon.settings, database, daemon.now)
        assert (done.expired, show(database, proposal).row.state) == ([str(proposal)], "expired")


_LOOK = """
import json, os
import fntx_dagster.definitions
from fntx_dagster.settings import load_settings
settings = load_settings()
files = {str(file): file.read_bytes().decode("latin-1") for file in settings.paths.keys.rglob("*") if file.is_file()}
files[str(settings.treasury.config)] = settings.treasury.config.read_text()
print(json.dumps({"environment": dict(os.environ), "files": files}))
"""


class TestKeys:
    """Dagster computes and watches; who signs for a ledger is another process, on another machine."""

    def seen(self, settings: Settings) -> dict[str, dict[str, str]]:
        """The environment, and the files of the key folder, as a process that loads the definitions has them."""
        own = {"FNTX_HOME": f"{settings.home}", "FNTX_TREASURY_CONFIG": f"{settings.treasury.config}"}
        environment = child_environment({"PYTHONPATH": f"{ROOT}", **own})
        done = subprocess.run(
            [sys.executable, "-c", _LOOK], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def test_the_process_sees_no_key_of_a_ledger(self, settings: Settings, database: Database) -> None:
        shown(settings, database, "checkpoint_audit_log")
        seen = self.seen(settings)
        assert any("checkpoint.notekey" in name for name in seen["files"])
        assert [*ledger_keys(seen)] == []
        secrets = f"{worlds.wallet('s1').seed} {worlds.STELLAR_KEYS['trustee'].secret}"
        assert len([*ledger_keys({"environment": {"NOTE": secrets}})]) == 2, "the look finds what is there"

    def test_no_definition_leads_to_code_that_signs_for_a_ledger(self) -> None:
        """Wherever imports lead from the definitions, also those inside of functions."""
        reached = reachable([*(PACKAGE / "defs").glob("*.py")])
        assert PACKAGE / "services" / "transactions" / "submitting.py" in reached
        assert {str(path.relative_to(PACKAGE)) for path in reached if signs(path)} == set()
        assert signs(ROOT / "tests" / "simulate" / "xrpl" / "people.py"), "the look finds what is there"


def ledger_keys(seen: dict[str, dict[str, str]]) -> Iterator[str]:
    """What of the texts is a secret seed of the XRP Ledger or of Stellar."""
    for texts in seen.values():
        for name, text in texts.items():
            for word in re.findall(r"[A-Za-z0-9]{20,}", text):
                if StrKey.is_valid_ed25519_secret_seed(word) or is_xrpl_seed(word):
                    yield name


def is_xrpl_seed(word: str) -> bool:
    try:
        decode_seed(word)
    except (XRPLAddressCodecException, ValueError):
        return False
    return True


def signs(path: Path) -> bool:
    """Whether a file makes a wallet or a pair of keys from a secret, of either ledger."""
    secrets = {"from_seed", "from_secret", "from_entropy", "generate_seed", "derive_keypair", "Wallet"}
    names = {
        node.attr for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)
    }
    return bool(names & secrets)


def reachable(paths: list[Path]) -> set[Path]:
    found: set[Path] = set()
    while paths:
        path = paths.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                own = ROOT / Path(*name.split("."))
                paths += [file for file in (own.with_suffix(".py"), own / "__init__.py") if file.is_file()]
    return {path for path in found if path.is_relative_to(PACKAGE)}
