"""Programs that some tests need and that installing FNTX does not bring; `make test-all` installs what it can of them.

A test that needs one is marked `needs_anvil` or as the other marks below, and conftest.py skips it where the program is
missing. A program that is there and does not work is a failure.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_MODULES = ROOT / "contracts" / "node_modules"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

ANVIL = shutil.which("anvil") or shutil.which(_MODULES / ".bin" / "anvil")
SOLC = shutil.which("node") if (_MODULES / "solc").is_dir() else None
SLITHER = os.environ.get("SLITHER") or shutil.which("slither") or shutil.which(ROOT / ".venv-slither/bin/slither")
CHROMIUM = next(filter(None, map(shutil.which, _BROWSERS)), None)
REDIS, PROMTOOL = shutil.which("redis-server"), shutil.which("promtool")
SYSTEMD = shutil.which("systemd-analyze")
BUILDAH = shutil.which("buildah") if shutil.which("debootstrap") else None

needs_anvil, needs_solc = pytest.mark.tool("anvil"), pytest.mark.tool("solc")
needs_slither, needs_browser = pytest.mark.tool("slither"), pytest.mark.tool("browser")
needs_redis, needs_promtool = pytest.mark.tool("redis"), pytest.mark.tool("promtool")
needs_systemd, needs_buildah = pytest.mark.tool("systemd"), pytest.mark.tool("buildah")

_TOOLS = {
    "anvil": (ANVIL, "needs anvil on PATH, or Node and `npm ci` in contracts/"),
    "solc": (SOLC, "needs Node and `npm ci` in contracts/"),
    "slither": (SLITHER, "needs slither on PATH, in .venv-slither or named by SLITHER"),
    "browser": (CHROMIUM, "needs chromium or chrome on PATH"),
    "redis": (REDIS, "needs redis-server on PATH"),
    "promtool": (PROMTOOL, "needs promtool, of Prometheus, on PATH"),
    "systemd": (SYSTEMD, "needs systemd-analyze on PATH"),
    "buildah": (BUILDAH, "needs buildah and debootstrap on PATH"),
}


def missing(item: pytest.Item) -> list[str]:
    """What a test needs and this machine does not have, each in words."""
    tools = [_TOOLS[mark.args[0]] for mark in item.iter_markers("tool")]
    return [f"{reason} (make test-all)" for program, reason in tools if program is None]
