"""Dagster's webserver, daemon and code server: `fntx ui` as one thing that starts, works and ends together, `fntx
webserver` and `fntx daemon` each alone, on servers.

The webserver and the daemon are threads of this process, the code server is a process of its own. The terminal shows a
line for each thing that happens; what Dagster logs goes to a file in the home.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Self

from fntx_dagster.cli.code_server import CodeServer
from fntx_dagster.cli.terminal import note, out
from fntx_dagster.errors import Transient, without_accounts
from fntx_dagster.services.database import open_database
from fntx_dagster.services.environment import dagster_environment
from fntx_dagster.services.ui_locks import listen, only_daemon_of_the_database, only_daemon_of_the_home
from fntx_dagster.serving.notifying import say_ready
from fntx_dagster.settings import Settings, export

_LOOK_SECONDS, _END_SECONDS = 2, 30
_LONGEST_LOG = 10_000_000
_QUIET_SECONDS = 600
"""For how long an error that is the same as before is not shown again."""


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve the UI on an address of this machine and run the daemon, until Ctrl-C, SIGTERM or the terminal's end.

    Permanent and Transient say why it does not start, or has ended.
    """
    end_by_signals()
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    try:
        with only_daemon_of_the_home(settings, url), listen(settings, host, port) as listening:
            note("Starting the UI, its daemon and the definitions …")
            environment = dagster_environment(settings)
            export(environment)
            with (
                only_daemon_of_the_database(settings) as still_alone,
                _logging_to(settings.paths.logs / "ui.log") as log,
                CodeServer(environment["DAGSTER_HOME"], log) as code,
            ):
                _serve(settings, host, url, listening, code, still_alone, log)
    except KeyboardInterrupt:
        note("The UI and its daemon have ended; `fntx db stop` ends the database.")


def serve_webserver(settings: Settings, host: str, port: int, *, read_only: bool) -> None:
    """Serve the UI without the daemon, until Ctrl-C or SIGTERM; `read_only`: nobody starts or changes anything by it.

    Permanent and Transient say why it does not start, or has ended.
    """
    end_by_signals()
    try:
        with listen(settings, host, port) as listening:
            note("Starting the UI and the definitions …")
            environment = dagster_environment(settings)
            export(environment)
            with (
                _logging_to(settings.paths.logs / "webserver.log") as log,
                CodeServer(environment["DAGSTER_HOME"], log) as code,
            ):
                url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
                _serve_ui(settings, host, url, listening, code, log, read_only)
    except KeyboardInterrupt:
        note("The UI has ended.")


def _serve_ui(
    settings: Settings, host: str, url: str, listening: socket.socket, code: CodeServer, log: IO[str], read_only: bool
) -> None:
    from fntx_dagster.defs import dagster_servers

    with (
        code.serving(dagster_servers.answers),
        dagster_servers.webserver(
            settings, host, code.socket, lambda: code.replace(dagster_servers.answers), read_only
        ) as server,
    ):

        def end_server() -> None:
            server.should_exit = True

        with _Watch(code, log, end_server), ending_by_signals(end_server):
            note(f"Dagster UI on {url} (Ctrl-C ends it). What Dagster logs: {log.name}")
            say_ready()
            server.run(sockets=[listening])


def run_daemon(settings: Settings) -> None:
    """Run the daemon without the UI, until Ctrl-C or SIGTERM: schedules, sensors, the queue of runs.

    Permanent and Transient say why it does not start, or has ended.
    """
    end_by_signals()
    try:
        with only_daemon_of_the_home(settings, "fntx daemon"):
            note("Starting the daemon and the definitions …")
            environment = dagster_environment(settings)
            export(environment)
            with (
                only_daemon_of_the_database(settings) as still_alone,
                _logging_to(settings.paths.logs / "daemon.log") as log,
                CodeServer(environment["DAGSTER_HOME"], log) as code,
            ):
                from fntx_dagster.defs import dagster_servers  # while the code server does the same in its process

                ended = threading.Event()
                with (
                    code.serving(dagster_servers.answers),
                    _Daemon(settings, code, still_alone, log, ended.set),
                    ending_by_signals(ended.set),
                ):
                    note(f"The daemon runs (Ctrl-C ends it). What Dagster logs: {log.name}")
                    say_ready()
                    ended.wait()
    except KeyboardInterrupt:
        note("The daemon has ended.")


def end_by_signals() -> None:
    """Let Ctrl-C, SIGTERM and the terminal's end all raise KeyboardInterrupt."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, signal.default_int_handler)
    heed_interrupts()


def heed_interrupts() -> None:
    """Let Ctrl-C and SIGINT end this process where a script started it deaf to them, as a shell does with what it
    leaves behind; processes that it starts inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _serve(
    settings: Settings,
    host: str,
    url: str,
    listening: socket.socket,
    code: CodeServer,
    still_alone: Callable[[], None],
    log: IO[str],
) -> None:
    from fntx_dagster.defs import dagster_servers  # while the code server does the same in its process

    with (
        code.serving(dagster_servers.answers),
        dagster_servers.webserver(settings, host, code.socket, lambda: code.replace(dagster_servers.answers)) as server,
    ):

        def end_server() -> None:
            server.should_exit = True

        with _Daemon(settings, code, still_alone, log, end_server), ending_by_signals(end_server):
            note(f"Dagster UI on {url} (Ctrl-C ends it). What Dagster logs: {settings.paths.logs / 'ui.log'}")
            server.run(sockets=[listening])


@contextmanager
def ending_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """Call `end` at a signal, and raise KeyboardInterrupt once what is inside has ended by it.

    Python raises it wherever the main thread is, and what is raised while garbage is collected is lost.
    """
    came: list[int] = []

    def handle(number: int, _: object) -> None:
        came.append(number)
        end()

    ours = [
        each
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(each) is signal.default_int_handler
    ]
    for each in ours:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt


class _Watch(threading.Thread):
    """While a `with` block runs, the look every two seconds: whether the code server lives. Where that cannot go on,
    `on_end` is called, and leaving the block raises why."""

    def __init__(self, code: CodeServer, log: IO[str], on_end: Callable[[], None]) -> None:
        super().__init__(name="fntx-watch", daemon=True)
        self._code, self._log, self._on_end = code, log, on_end
        self._failure: Exception | None = None
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let it end, and wait for it; not for ever, because it may wait for a database that is away."""
        self._ending.set()
        self.join(_END_SECONDS)
        if self._failure and kind is None:
            raise self._failure

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self._failure = error
        finally:
            self._on_end()

    def _work(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        from fntx_dagster.defs import dagster_servers

        if self._code.revive(dagster_servers.answers):
            _show("the code server had ended, and is started again")
            if self._code.has_orphans:
                _show("a run that the former one had started goes on, and cannot be canceled here")
        _trim(self._log)


class _Daemon(_Watch):
    """Dagster's daemon, and the look whether all parts live, and what has happened."""

    def __init__(
        self,
        settings: Settings,
        code: CodeServer,
        still_alone: Callable[[], None],
        log: IO[str],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(code, log, on_end)
        self._settings, self._still_alone = settings, still_alone

    def _work(self) -> None:
        from fntx_dagster.defs import dagster_servers
        from fntx_dagster.defs.happenings import Happenings

        with dagster_servers.daemon(self._code.socket) as (instance, check):
            happenings = Happenings(instance, open_database(self._settings))
            while not self._ending.wait(_LOOK_SECONDS):
                try:
                    check()
                except Exception as error:
                    raise Transient(f"the daemon has ended ({error})", f"{self._log.name} says why") from error
                self._still_alone()
                self._look()
                try:
                    for line in happenings.new():
                        _show(line)
                except Exception:  # the database is away, and comes back
                    logging.getLogger(__name__).exception("what has happened cannot be read")


def _show(text: str) -> None:
    out(f"{datetime.now():%H:%M:%S}  {text}")


@contextmanager
def _logging_to(file: Path) -> Iterator[IO[str]]:
    """While inside, what this process logs goes to the end of a file that its owner alone reads, and the first line of
    an error to the terminal too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    root, level = logging.getLogger(), logging.getLogger().level
    with open(file, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
        os.fchmod(log.fileno(), 0o600)
        written, shown = logging.StreamHandler(log), _Errors(file)
        written.setFormatter(_Masking("%(asctime)s %(name)s %(levelname)s %(message)s"))
        root.setLevel(logging.INFO)
        logging.captureWarnings(True)
        for handler in (written, shown):
            root.addHandler(handler)
        try:
            yield log
        finally:
            root.setLevel(level)
            logging.captureWarnings(False)
            for handler in (written, shown):
                root.removeHandler(handler)


def _trim(log: IO[str]) -> None:
    """Keep a long log beside, as `ui.log.1`, and go on with an empty one: all who write it append."""
    if os.fstat(log.fileno()).st_size > _LONGEST_LOG:
        file = Path(log.name)
        kept = file.with_suffix(".log.1")
        shutil.copy2(file, kept)
        log.truncate(0)


class _Masking(logging.Formatter):
    """Records of Dagster and of libraries, with the accounts in them masked."""

    def format(self, record: logging.LogRecord) -> str:
        return without_accounts(super().format(record))


class _Errors(logging.Handler):
    """The first line of each error on the terminal; the same one again after ten minutes."""

    def __init__(self, file: Path) -> None:
        super().__init__(logging.ERROR)
        self._file = file
        self._shown: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = without_accounts((record.getMessage().splitlines() or [""])[0])
        now = time.monotonic()
        self._shown = {shown: at for shown, at in self._shown.items() if now - at < _QUIET_SECONDS}
        if text not in self._shown:
            self._shown[text] = now
            _show(f"error: {text} ({self._file})")
