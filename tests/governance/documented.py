"""What docs/treasury.md shows as an example, read as a machine does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "treasury.md"


def documented_tokens() -> list[dict[str, Any]]:
    """The tokens of the page's example."""
    [block] = re.findall(r'```json\n(\{"tokens".*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(block)["tokens"]
