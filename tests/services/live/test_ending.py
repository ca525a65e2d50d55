"""How the writers of the stream end: by a signal, whichever thread of the process takes it."""

from __future__ import annotations

import subprocess
import sys

_WRITES = """
import signal, threading, time
from fntx_dagster.cli.serving import end_by_signals, ending_by_signals
from fntx_dagster.services.live import running

class Idle:
    def __init__(self, *_): ...
    def run(self, ending): ending.wait()
    def close(self, _): ...

running.Relay = running.EventWriter = Idle
running.followers = lambda *_: []
ending = threading.Event()

def by_another_thread():
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60)

end_by_signals()
threading.Thread(target=by_another_thread, daemon=True).start()
try:
    with ending_by_signals(ending.set):
        running.run(__import__("fntx_dagster.settings").settings.Settings(), None, ending)
except KeyboardInterrupt:
    print("ended")
"""


def test_a_signal_that_another_thread_takes_ends_the_writers() -> None:
    done = subprocess.run([sys.executable, "-c", _WRITES], capture_output=True, text=True, timeout=50)
    assert done.stdout == "ended\n", done.stderr
