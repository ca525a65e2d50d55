"""What becomes of a Ctrl-C while dbt parses the project."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

PARSE = """
import signal, sys
from pathlib import Path
from fntx_dagster.adapters.dbt.project import manifest_in
import dbt.cli.main
signal.signal(signal.SIGINT, signal.default_int_handler)
print("parsing", flush=True)
manifest_in(Path(sys.argv[1]), "postgres")
"""


def test_a_ctrl_c_while_dbt_parses_is_a_ctrl_c_and_the_next_start_parses_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARSE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parsing:
        assert parsing.stdout is not None
        assert parsing.stdout.readline() == "parsing\n"
        time.sleep(0.3)
        parsing.send_signal(signal.SIGINT)
        _, errors = parsing.communicate(timeout=60)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert not (tmp_path / "manifest.json").exists()
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "manifest.json").exists()
