"""deploy/helm/fntx: what it renders is of Kubernetes to the letter, and of commands and settings that there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml
from helm_python import Chart, HelmValuesError, chart

from fntx_dagster.settings import PROJECT
from tests.deploy.named import DEPLOY, require_command, strange_variables, variables_in_the_open

CHART = DEPLOY / "helm" / "fntx"
EVERYTHING = {
    "follow": {"accounts": ["U1000001", "U1000002"]},
    "backup": {"enabled": True, "persistentVolumeClaim": "backups"},
    "webserver": {"readOnly": True},
    "image": {"pullSecrets": [{"name": "registry"}], "digest": f"sha256:{'0' * 64}"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
}
KUBERNETES = "1.37"


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    texts = Chart.load(CHART).render(values=values)
    return [each for text in texts.values() for each in yaml.safe_load_all(text) if each]


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return rendered(EVERYTHING)


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Name without the release → object."""
    return {each["metadata"]["name"].removeprefix("release-name-"): each for each in objects if each["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every template of a pod."""
    for each in objects:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


@pytest.mark.parametrize("values", [{}, EVERYTHING, {"serve": {"replicas": 1}, "webserver": {"enabled": False}}])
def test_what_it_renders_is_of_kubernetes_to_the_letter(values: dict[str, Any]) -> None:
    for each in rendered(values):
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_the_check_refuses_an_unknown_field(objects: list[dict[str, Any]]) -> None:
    serve = of_kind(objects, "Deployment")["serve"]
    wrong = {**serve, "spec": {**serve["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_it_is_linted_without_a_warning() -> None:
    said = chart.lint(CHART, {**EVERYTHING}, strict=True)
    assert [each for each in said["messages"] if each["severity"] > 1] == []
    assert said["errors"] == []


@pytest.mark.parametrize(
    "values",
    [
        {"serve": {"replica": 2}},
        {"settings": {"RPC_URL": "http://node"}},
        {"secrets": {"files": {"FNTX_SALT": "salt"}}},
        {"backup": {"enabled": True}},
        {"image": {"digest": "sha256:0"}},
    ],
)
def test_values_that_mean_nothing_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(HelmValuesError):
        rendered(values)


def test_every_container_and_every_probe_has_a_command_of_the_program(objects: list[dict[str, Any]]) -> None:
    for _, pod in pods(objects):
        for container in pod["containers"]:
            require_command(container["args"])
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if asked := container.get(probe, {}).get("exec"):
                    assert asked["command"][0] == "fntx"
                    require_command(asked["command"][1:])


def test_every_variable_is_a_setting_and_every_secret_is_a_file(objects: list[dict[str, Any]]) -> None:
    given = of_kind(objects, "ConfigMap")["settings"]["data"]
    assert strange_variables(given) == set()
    assert variables_in_the_open(given) == set()
    [hook] = of_kind(objects, "Job")["migrate"]["spec"]["template"]["spec"]["containers"]
    assert {each["name"]: each["value"] for each in hook["env"]} == {
        name: value for name, value in given.items() if name != "FNTX_DAGSTER_INSTANCE"
    }


def test_no_pod_has_more_rights_than_it_needs(objects: list[dict[str, Any]]) -> None:
    for name, pod in pods(objects):
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["automountServiceAccountToken"] is (pod.get("serviceAccountName") == "release-name-servers"), name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "limits" in container["resources"]


def test_there_is_one_daemon_and_the_dashboard_is_never_away(objects: list[dict[str, Any]]) -> None:
    deployments = of_kind(objects, "Deployment")
    assert (deployments["daemon"]["spec"]["replicas"], deployments["daemon"]["spec"]["strategy"]) == (
        1,
        {"type": "Recreate"},
    )
    assert deployments["serve"]["spec"]["replicas"] == 2
    assert deployments["serve"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert of_kind(objects, "PodDisruptionBudget").keys() == {"serve"}


def test_dagsters_instance_is_one_that_its_kubernetes_launcher_takes(objects: list[dict[str, Any]]) -> None:
    from dagster import Field, Shape
    from dagster._config import process_config
    from dagster_k8s import K8sRunLauncher

    instance = yaml.safe_load(of_kind(objects, "ConfigMap")["dagster"]["data"]["dagster.yaml"])
    launcher = instance.pop("run_launcher")
    taken = process_config(
        Shape({"config": Field(Shape(K8sRunLauncher.config_type()))}), {"config": launcher["config"]}
    )
    assert taken.success, taken.errors
    assert launcher["config"]["service_account_name"] in {
        f"release-name-{name}" for name in of_kind(objects, "ServiceAccount")
    }
    ours = yaml.safe_load((PROJECT / "deploy" / "dagster" / "k8s.yaml").read_text(encoding="utf-8"))
    ours.pop("run_launcher")
    assert instance == ours
