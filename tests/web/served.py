"""A `fntx serve` of its own, entered by its link as a person does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import FNTX, environment
from tests.served_ui import free_port
from tests.verify.browser import Page
from tests.web.looking import look


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`fntx serve` on a home, and the link that it prints; ended by SIGTERM."""
    command = [FNTX, "serve", "--port", f"{free_port()}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=environment(folder), **pipes) as process:
        try:
            yield process, _link(process)
        finally:
            process.terminate()
            process.communicate()


def _link(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://\S+/enter#\S+", line):
            return found[0]
    raise AssertionError(said)


def entered(page: Page, link: str) -> str:
    """Open the link in a browser until the accounts are shown: where the dashboard is."""
    look(page, link)
    address = link.partition("/enter")[0]
    while page.ask("location.pathname") != "/":
        page.ask("new Promise(done => setTimeout(done, 50))")
    return address
