"""A home with a deployed chain and a funded trader, made once and copied for each test that asks for one."""

import shutil
from datetime import date

import pytest

from fntx_dagster.chain.client import connect
from fntx_dagster.settings import Settings

ACCOUNT = "U0000001"
SCHEMA = b"\x11" * 32
DAY = date(2025, 7, 18)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    home = tmp_path_factory.mktemp("deployed")
    with connect(Settings(home=home)) as chain:
        chain.trader(ACCOUNT)
    return home


@pytest.fixture
def settings(deployed, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(deployed, home)
    return Settings(home=home)


@pytest.fixture
def chain(settings):
    with connect(settings) as chain:
        yield chain


@pytest.fixture
def trader(chain):
    return chain.trader(ACCOUNT)
