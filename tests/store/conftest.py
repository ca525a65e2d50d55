"""Embedded servers: one whose cluster is there already, and one that makes its own, which takes a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.store.server import EmbeddedPostgres
from tests import homes


@pytest.fixture
def new_server(short_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that was never started."""
    server = EmbeddedPostgres(short_path / "postgres")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ended_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that was started once and has ended, for copies."""
    folder = tmp_path_factory.mktemp("ended") / "postgres"
    folder.mkdir()
    with homes.home() as path:
        server = EmbeddedPostgres(path / "postgres")
        server.start()
        server.stop()
        homes.copy(server.folder, folder)
    return folder


@pytest.fixture
def server(new_server: EmbeddedPostgres, ended_server: Path) -> EmbeddedPostgres:
    """A server that was started before, and has ended."""
    homes.copy(ended_server, new_server.folder)
    return new_server
