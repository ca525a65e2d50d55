"""The whole API against its own document, with requests that a machine makes up: valid ones and broken ones.

Whatever comes in, no answer is a 5xx, each has a status, a type and a form that the document names, and a request
without a good token gets nothing.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from fntx_dagster.services.orders.access import SCOPES
from tests.api.conftest import Server
from tests.api.test_client import document

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]


@pytest.fixture(scope="module")
def admin(serving: Server) -> str:
    """The token of an admin whose book has something to show."""
    serving.users = "@schema"
    client = serving.client("ada", "admin", *SCOPES)
    client.deposit("1000")
    assert client.order()["state"] == "filled"
    return str(client.session.headers["Authorization"])


@pytest.mark.parametrize("mode", GenerationMode)
def test_no_request_is_answered_with_what_the_document_does_not_name(
    mode: GenerationMode, serving: Server, admin: str
) -> None:
    schema = schemathesis.openapi.from_dict(document())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 15
    for operation in operations:

        @settings(
            max_examples=12,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def hold(case: schemathesis.Case) -> None:
            serving.forget_failures()
            case.call_and_validate(serving.url, headers={"Authorization": admin}, checks=CHECKS)

        hold()
