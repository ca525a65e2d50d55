"""The configuration's file: JSON or YAML, read in one way or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import read_config
from fntx_dagster.services.governance.configuration import configured, document_of
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from tests.services.governance.treasuries import PLATFORM


def test_yaml_says_the_same_as_json() -> None:
    text = "# ours\nplatform: X\nthreshold: 2\nsigners:\n  - {id: treasury, role: treasury}\n"
    as_json = '{"platform": "X", "threshold": 2, "signers": [{"id": "treasury", "role": "treasury"}]}'
    assert document_of(text.encode(), is_yaml=True) == document_of(as_json.encode())


@pytest.mark.parametrize("text", ["threshold: 2\nthreshold: 3\n", "a: {b: 1, b: 2}", "a: [", "!!python/object:x.Y {}"])
def test_yaml_that_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(Permanent, match="no YAML"):
        document_of(text.encode(), is_yaml=True)


def test_json_with_a_name_twice_is_refused() -> None:
    with pytest.raises(Permanent, match="twice"):
        document_of(b'{"threshold": 2, "threshold": 3}')


def test_an_error_names_the_file_and_the_field(tmp_path: Path) -> None:
    file = tmp_path / "treasury.json"
    file.write_text(json.dumps(PLATFORM | {"threshold": "2"}), encoding="utf-8")
    with pytest.raises(Permanent, match=r"treasury.json: threshold is '2'"):
        configured(Settings(home=tmp_path, treasury=TreasurySettings(config=file)))
    with pytest.raises(Permanent, match="Set FNTX_TREASURY_CONFIG"):
        configured(Settings(home=tmp_path))
    file.write_text(json.dumps(PLATFORM), encoding="utf-8")
    found = configured(Settings(home=tmp_path, treasury=TreasurySettings(config=file)))
    assert found.hash == read_config(PLATFORM).hash
