"""The bundled sample statements: July 2025 of one account, made up.

`services.loading` decides when they are loaded.
"""

from __future__ import annotations

from pathlib import Path

SAMPLES = Path(__file__).parent
SAMPLE_ACCOUNT = "U1000001"
