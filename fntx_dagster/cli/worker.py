"""`fntx worker`: a worker that takes runs from the broker, on any machine."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer

from fntx_dagster.errors import Permanent
from fntx_dagster.settings import child_environment, executable, load_settings


def worker(
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="The queue to take runs from; unset: that of FNTX_QUEUE.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many runs this machine works on at once.")] = 1,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the worker is called in logs; unset: the machine's name.")
    ] = None,
) -> None:
    """Take runs from the broker (FNTX_BROKER_URL) and work on them, until SIGTERM or Ctrl-C.

    Start one on each machine, with the settings that the daemon has: the same database (FNTX_DATABASE_URL), the same
    chain (FNTX_RPC_URL), the same keys, and FNTX_DAGSTER_INSTANCE=deploy/dagster/celery.yaml everywhere. The daemon
    (`fntx daemon`) puts the runs into the queue.

    SIGTERM drains it: it takes no further run, and ends when the one at work is done. A second one, or SIGQUIT, ends
    it at once; the daemon notices within five minutes and launches the run elsewhere (FNTX_RUN_SILENCE).

    \b
    fntx worker                       one run at a time, of the queue `dagster`
    fntx worker --runs 4              four at a time
    fntx worker --queue gateway       of another queue, as beside an IB Gateway
    """
    from fntx_dagster.services.environment import broker_urls, dagster_environment
    from fntx_dagster.worker import FOLDER

    settings = load_settings()
    broker_urls(settings)
    if not os.path.exists(program := executable("celery")):
        raise Permanent("Celery is not installed", "Install it with `pip install 'fntx-dagster[celery]'`")
    environment = child_environment(dagster_environment(settings))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(FOLDER), environment.get("PYTHONPATH"))))
    command = [program, "-A", "dagster_celery.app", "worker", "-Q", queue or settings.dagster.queue]
    # a process for each run: what one leaves behind is gone with it, and a heartbeat goes on beside it
    command += ["--pool", "prefork", "--concurrency", str(runs), "--max-tasks-per-child", "1"]
    command += ["--hostname", f"fntx@{name or socket.gethostname()}", "--loglevel", "info", "--without-gossip"]
    os.chdir(environment["DAGSTER_HOME"])
    os.execve(program, command, environment)  # signals reach Celery itself
