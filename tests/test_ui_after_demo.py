"""What the Dagster UI shows after `fntx demo`: the answers of its GraphQL, for the demo's own home."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dagster as dg
import psycopg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_graphql.schema import create_schema
from starlette.applications import Starlette

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.defs import sensors
from fntx_dagster.defs.pages import pages
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.schedules import SCHEDULES
from fntx_dagster.services.environment import dagster_environment
from fntx_dagster.settings import Settings
from fntx_dagster.store.opening import open_database
from tests import homes
from tests.processes import run

FIRST, LAST = date(2025, 7, 1), date(2025, 7, 18)
BUILT = [f"{session.day}" for session in sessions(FIRST, LAST)]
LABEL = "U…0001"
VERIFIED = ("mathematical", "logical", "cross_reference", "historical")
MARTS = {
    "official_days",
    "chronological_events",
    "nav_blocks",
    "stock_positions",
    "daily_summary",
    "round_trips",
    "rolling_metrics",
    "daily_verification",
    "closing_positions",
    "closing_days",
}


class Ui:
    """The UI of a home: its workspace, with the code location in a process of its own, and its GraphQL."""

    def __init__(self, home: Path, process: WorkspaceProcessContext) -> None:
        self.home = home
        self.process = process
        self.schema = create_schema()

    def ask(self, question: str, **variables: Any) -> dict[str, Any]:
        context = self.process.create_request_context()
        answer = asyncio.run(
            self.schema.execute_async(question, variable_values=variables, context_value=context)  # graphene's
        )
        assert not answer.errors, answer.errors
        return answer.data

    def assets(self, fields: str) -> dict[str, dict[str, Any]]:
        """Asset → its fields, of those that a daily run builds."""
        nodes = self.ask(
            f"{{assetNodes {{assetKey {{path}} groupName partitionDefinition {{name}} isVirtual {fields}}}}}"
        )
        return {
            node["assetKey"]["path"][0]: node
            for node in nodes["assetNodes"]
            if node["partitionDefinition"] and not node["isVirtual"] and node["groupName"] not in ("ledger", "treasury")
        }

    def run(self, *arguments: str, code: int = 0) -> None:
        done = run(self.home, *arguments)
        assert done.returncode == code, done.stdout + done.stderr

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with open_database(Settings(home=self.home)).connect() as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def ui(used_home: Path) -> Iterator[Ui]:
    with homes.home(used_home) as home, pytest.MonkeyPatch.context() as patched:
        done = run(home, "demo")
        assert done.returncode == 0, done.stdout + done.stderr
        for name in [name for name in os.environ if name.startswith(("FNTX_", "DAGSTER"))]:
            patched.delenv(name)
        for name, value in dagster_environment(Settings(home=home)).items():
            patched.setenv(name, value)
        workspace = WorkspaceFileTarget([f"{os.environ['DAGSTER_HOME']}/workspace.yaml"])
        with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, workspace) as process:
            yield Ui(home, process)


CHECKS = """assetChecksOrError {... on AssetChecks {checks {
    name
    executionForLatestMaterialization {status evaluation {severity}}
    partitionStatuses {... on AssetCheckTimePartitionStatuses {ranges {startKey endKey status}}}
}}}"""


def checks(ui: Ui) -> dict[str, dict[str, Any]]:
    """Check → what the UI says of it."""
    return {
        check["name"]: check for node in ui.assets(CHECKS).values() for check in node["assetChecksOrError"]["checks"]
    }


def by_session(check: dict[str, Any]) -> dict[str, str]:
    """Session → the status of a partitioned check."""
    found = {}
    for span in check["partitionStatuses"]["ranges"]:
        for session in sessions(date.fromisoformat(span["startKey"]), date.fromisoformat(span["endKey"])):
            found[f"{session.day}"] = span["status"]
    return found


def test_every_check_of_the_demo_is_shown_as_passed_that_passed(ui: Ui) -> None:
    executions = {name: check["executionForLatestMaterialization"] for name, check in checks(ui).items()}
    assert {"every_file_is_loaded", "daily_summary_rows_hold", "signed_days_unchanged", "roots_agree"} <= {*executions}
    others = {name: (shown or {}).get("status") for name, shown in executions.items()}
    assert ui.sql("select 1 from alm_reporting.portfolio_greeks where abs(delta) > 1")
    assert others.pop("delta_is_within_the_nav") == "FAILED", (
        "the samples' portfolio is levered on some days: a warning"
    )
    assert executions["delta_is_within_the_nav"]["evaluation"]["severity"] == "WARN"
    assert {*others.values()} == {"SUCCEEDED"}


def test_verification_is_shown_as_passed_in_each_session_and_is_one_event(ui: Ui) -> None:
    shown = {name: by_session(check) for name, check in checks(ui).items() if check["partitionStatuses"]}
    assert shown == {f"{kind}_verification": dict.fromkeys(BUILT, "SUCCEEDED") for kind in VERIFIED}
    with psycopg.connect(dagster_url(ui)) as connection:
        evaluations = "select step_key from event_logs where dagster_event_type = 'ASSET_CHECK_EVALUATION'"
        events = Counter(step for (step,) in connection.execute(evaluations))
    assert [events[f"daily_verification_{kind}_verification"] for kind in VERIFIED] == [1] * 4


def dagster_url(ui: Ui) -> str:
    return open_database(Settings(home=ui.home)).url.replace("/fntx?", "/dagster?")


PARTITIONS = "partitionStats {numMaterialized} partitionKeysByDimension {partitionKeys} "
MATERIALIZED = """assetPartitionStatuses {... on TimePartitionStatuses {ranges {startKey endKey status}}}"""


def test_the_partitions_begin_at_the_first_session_and_none_is_missing_up_to_the_last_that_is_loaded(ui: Ui) -> None:
    for name, node in ui.assets(PARTITIONS + MATERIALIZED).items():
        [dimension] = node["partitionKeysByDimension"]
        assert [key for key in dimension["partitionKeys"] if key <= f"{LAST}"] == BUILT, name
        assert node["partitionStats"]["numMaterialized"] == len(BUILT), name
        ranges = node["assetPartitionStatuses"]["ranges"]
        assert {span["status"] for span in ranges} == {"MATERIALIZED"}, name
        assert (ranges[0]["startKey"], ranges[-1]["endKey"]) == (f"{FIRST}", f"{LAST}"), name


def test_the_timeline_and_the_page_of_the_job_list_the_run_of_the_command(ui: Ui) -> None:
    answer = ui.ask(
        """{
        repositoriesOrError {... on RepositoryConnection {nodes {name location {name}}}}
        runsOrError {... on Runs {results {
            runId jobName status repositoryOrigin {repositoryName repositoryLocationName}
        }}}
        }"""
    )
    [repository] = answer["repositoriesOrError"]["nodes"]
    served = {"repositoryName": repository["name"], "repositoryLocationName": repository["location"]["name"]}
    [shown] = answer["runsOrError"]["results"]
    assert (shown["jobName"], shown["status"], shown["repositoryOrigin"]) == ("daily_run", "SUCCESS", served)
    of_job = ui.ask(
        """query ($job: PipelineSelector!) {pipelineOrError(params: $job) {... on Pipeline {runs {runId}}}}""",
        job={**served, "pipelineName": "daily_run"},
    )
    assert [listed["runId"] for listed in of_job["pipelineOrError"]["runs"]] == [shown["runId"]]


EVENTS = """assetMaterializations(limit: 100) {
    partition
    metadataEntries {label ... on FloatMetadataEntry {floatValue} ... on IntMetadataEntry {intRepr}}
}"""


def test_the_plots_have_a_point_for_each_session(ui: Ui) -> None:
    nodes = ui.assets(EVENTS)

    def points(asset: str, label: str) -> dict[str, float]:
        return {
            event["partition"]: float(entry.get("floatValue", entry.get("intRepr")))
            for event in nodes[asset]["assetMaterializations"]
            for entry in event["metadataEntries"]
            if entry["label"] == label
        }

    navs = points("daily_summary", f"closing_nav_official {LABEL}")
    assert sorted(navs) == BUILT
    assert navs["2025-07-18"] == 79231.03
    table = ui.sql("select trading_day::text, net_pnl::float, unexplained::float from alm_reporting.daily_summary")
    assert points("daily_summary", f"net_pnl {LABEL}") == {day: pnl for day, pnl, _ in table}
    assert points("daily_summary", f"unexplained {LABEL}") == {day: rest for day, _, rest in table}
    assert points("daily_summary", f"daily_return {LABEL}")["2025-07-18"] == pytest.approx(-523.78 / 79754.81)
    assert sorted(points("rolling_metrics", f"total_return {LABEL}")) == BUILT
    for name in MARTS - {"stock_positions"}:
        assert sorted(points(name, "dagster/row_count")) == BUILT, name


def test_no_asset_has_more_than_one_event_for_a_session(ui: Ui) -> None:
    for name, node in ui.assets(EVENTS).items():
        assert sorted(event["partition"] for event in node["assetMaterializations"]) == BUILT, name


SCHEMAS = """description metadataEntries {... on TableSchemaMetadataEntry {schema {columns {name type description}}}}"""


def test_the_descriptions_hold_no_sql_and_every_column_has_its_type_and_a_description(ui: Ui) -> None:
    rows = ui.sql(
        """select table_name, column_name, replace(data_type, 'timestamp with time zone', 'timestamptz')
        from information_schema.columns where table_schema = 'alm_reporting'"""
    )
    for node in ui.ask("{assetNodes {description}}")["assetNodes"]:
        assert node["description"]
        assert "```" not in node["description"]
        assert "select" not in node["description"].lower()
    nodes = ui.assets(SCHEMAS)
    for mart in MARTS:
        [columns] = [entry["schema"]["columns"] for entry in nodes[mart]["metadataEntries"] if "schema" in entry]
        assert {column["name"]: column["type"] for column in columns} == {
            name: kind for table, name, kind in rows if table == mart
        }, mart
        assert all(column["description"] for column in columns), mart


def test_every_asset_says_what_it_contacts_and_the_last_of_each_step_how_fresh_it_has_to_be(ui: Ui) -> None:
    nodes = ui.assets("tags {key value} internalFreshnessPolicy {__typename}")
    contacts = {
        name: [tag["value"] for tag in node["tags"] if tag["key"] == "fntx/network"] for name, node in nodes.items()
    }
    assert {name: value for name, value in contacts.items() if value != ["none"]} == {
        "flex_files": ["flex"],
        "chain_receipt": ["evm"],
    }
    assert {name for name, node in nodes.items() if node["internalFreshnessPolicy"]} == {
        "raw_flex_xml",
        "daily_summary",
        "daily_report",
        "daily_signature",
        "chain_receipt",
    }
    assert ui.process.instance.get_settings("freshness") == {"enabled": True}


LINKS = "metadataEntries {label ... on UrlMetadataEntry {url} ... on PathMetadataEntry {path}}"


def test_the_links_in_the_metadata_open(ui: Ui) -> None:
    nodes = ui.assets(f"{LINKS} assetMaterializations(limit: 1) {{{LINKS}}}")
    for name, node in nodes.items():
        [page] = [entry["url"] for entry in node["metadataEntries"] if entry["label"] == "documentation"]
        status, _, text = served(ui, page)
        assert status == 200, name
        assert text.startswith("# "), name
    shown = nodes["daily_report"]["assetMaterializations"][0]["metadataEntries"]
    links = {entry["label"]: entry.get("url") or entry.get("path") for entry in shown}
    _, headers, report = served(ui, links["report to open"])
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"sandbox" in headers[b"content-security-policy"]
    assert report == Path(links["report file"]).read_text(encoding="utf-8")


def served(ui: Ui, address: str) -> tuple[int, dict[bytes, bytes], str]:
    """Status, headers and text of a page that `fntx ui` serves beside Dagster's."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()  # nobody hangs up
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": unquote(address), "query_string": b"", "headers": []}
    asyncio.run(Starlette(routes=pages(Settings(home=ui.home)))(scope, receive, send))
    text = b"".join(message.get("body", b"") for message in sent).decode()
    return sent[0]["status"], dict(sent[0]["headers"]), text


@pytest.mark.parametrize(
    "address",
    [
        "reports/none.html",
        "reports/..%2Fdisclosure-2025-07-18.json",
        "reports/.env",
        "docs/report.png",
        "docs/..%2FREADME.md",
    ],
)
def test_no_other_file_is_served(ui: Ui, address: str) -> None:
    assert served(ui, f"/fntx/{address}")[0] == 404


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=90), timedelta(days=1), timedelta(days=3)])
def test_where_everything_is_built_nothing_requests_a_run(
    ui: Ui, later: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC) + later
    monkeypatch.setattr(sensors, "_now", lambda: now)
    of_ticks = {"instance": ui.process.instance, "resources": {"platform": Platform()}}
    said: list[Any] = []
    # the others request no run
    asked = [each for each in sensors.SENSORS if not isinstance(each, dg.RunStatusSensorDefinition)]
    for sensor in asked:
        with dg.build_sensor_context(**of_ticks, sensor_name=sensor.name) as context:
            said += sensor(context)
    for schedule in SCHEDULES:
        with dg.build_schedule_context(**of_ticks, scheduled_execution_time=now) as context:
            said += schedule(context)
    assert {type(answer) for answer in said} == {dg.SkipReason}
    assert len(said) == len(asked) + len(SCHEDULES)


def test_a_session_that_fails_its_verification_is_the_only_one_that_is_shown_as_failed(ui: Ui) -> None:
    tamper = "update raw_flex.change_in_nav set starting_value = starting_value {} 5 where to_date = '2025-07-16'"
    ui.sql(tamper.format("+"))
    try:
        ui.run("run", "--from", "2025-07-15", "--to", "2025-07-17", code=1)
        check = checks(ui)["cross_reference_verification"]
        assert check["executionForLatestMaterialization"]["status"] == "FAILED"
        assert by_session(check) == dict.fromkeys(BUILT, "SUCCEEDED") | {"2025-07-16": "FAILED"}
        assert by_session(checks(ui)["mathematical_verification"]) == dict.fromkeys(BUILT, "SUCCEEDED")
        said = ui.ask(
            """query ($asset: AssetKeyInput!) {assetCheckExecutions(
                assetKey: $asset, checkName: "cross_reference_verification", limit: 4
            ) {partition status evaluation {success description}}}""",
            asset={"path": ["daily_verification"]},
        )["assetCheckExecutions"]
        [failed] = [one["evaluation"] for one in said if one["partition"] == "2025-07-16"]
        assert not failed["success"]
        assert "opening NAV = the statement's starting value" in failed["description"]
        [passed] = [one["evaluation"] for one in said if one["partition"] == "2025-07-17"]
        assert passed["success"]
    finally:
        ui.sql(tamper.format("-"))
    ui.run("run", "--from", "2025-07-16", "--to", "2025-07-16")
    assert by_session(checks(ui)["cross_reference_verification"]) == dict.fromkeys(BUILT, "SUCCEEDED")


def first_partition(ui: Ui) -> str:
    [dimension] = ui.assets(PARTITIONS)["raw_flex_xml"]["partitionKeysByDimension"]
    return dimension["partitionKeys"][0]


def test_older_statements_have_partitions_when_the_code_location_is_loaded_again(
    ui: Ui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "june.xml"
    older.write_text(JUNE, encoding="utf-8")
    ui.run("load", str(older))
    assert first_partition(ui) == f"{FIRST}", "a process that runs keeps its partitions"
    ui.process.reload_code_location("fntx")
    assert first_partition(ui) == "2025-06-30"
    monkeypatch.setenv("FNTX_FIRST_SESSION", "2025-07-07")
    ui.process.reload_code_location("fntx")
    assert first_partition(ui) == "2025-07-07", "a setting overrules what is loaded"


JUNE = """<FlexQueryResponse queryName="NAV" type="AF"><FlexStatements count="1">
<FlexStatement accountId="U1000001" fromDate="20250630" toDate="20250630" period="LastBusinessDay"
    whenGenerated="20250701;050026 EDT">
<ChangeInNAV accountId="U1000001" currency="HKD" fromDate="20250630" toDate="20250630" startingValue="80000"
    mtm="412.012542656" endingValue="80412.012542656" />
</FlexStatement></FlexStatements></FlexQueryResponse>
"""
