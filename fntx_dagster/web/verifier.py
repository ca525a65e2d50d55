"""The strangers' page as it is published, and the part of its script that checks: what a browser gets of it here are
these very bytes.
"""

from __future__ import annotations

import re
from functools import cache

from fntx_dagster.settings import PROJECT

_END = "\n// The page.\n"


@cache
def published_page() -> bytes:
    """verify.html, with its own policy in it."""
    return (PROJECT / "verify" / "verify.html").read_bytes()


@cache
def published_policy() -> str:
    """The policy that verify.html names for itself, by the hashes of its script and its style."""
    found = re.search(rb'http-equiv="Content-Security-Policy" content="([^"]*)"', published_page())
    assert found
    return found[1].decode("ascii")


@cache
def checks() -> bytes:
    """The script of verify.html up to what serves that page alone: the checks, and how a series is shown."""
    found = re.search(r"<script>\n(.*?)</script>", published_page().decode("utf-8"), re.DOTALL)
    assert found
    script, end, _ = found[1].partition(_END)
    assert end
    return script.encode("utf-8")
