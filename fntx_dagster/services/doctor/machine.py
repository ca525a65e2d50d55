"""What runs on this machine or beside it: the UI's port, the daemon, IB Gateway, the workers' broker."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from fntx_dagster.adapters.gateway.address import gateway_at
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.services.doctor.checks import CheckResult, Circumstances, advice, right, unused, wrong
from fntx_dagster.services.ui_locks import daemon_of_the_home, listen

_HOST = "127.0.0.1"
_CONNECT_SECONDS = 5.0
_BROKER_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


def port_is_free(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether `fntx ui` could listen; its port is its own while it runs."""
    if running := daemon_of_the_home(circumstances.settings):
        yield right(f"`fntx ui` has it ({running})")
        return
    try:
        listen(circumstances.settings, _HOST, circumstances.port).close()
    except Permanent as error:
        yield wrong(error.message, f"End what has it, or start `fntx ui --port {circumstances.port + 1}`")
    else:
        yield right(f"{circumstances.port} is free for `fntx ui`")


def daemon_runs(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether the daemon of this home lives, where the settings let statements come by themselves."""
    if running := daemon_of_the_home(circumstances.settings):
        yield right(f"runs ({running})")
    elif circumstances.settings.flex.queries or circumstances.settings.gateway.addresses:
        yield advice(
            "no daemon runs on this home: nothing is fetched, signed or reported by itself",
            "Start `fntx ui`, as a service of your system (docs/running.md)",
        )
    else:
        yield unused("none runs, and nothing in the settings needs it")


def gateways_listen(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether something listens at the address of each IB Gateway."""
    gateways = circumstances.settings.gateway.addresses
    if not gateways:
        yield unused("none is in the settings")
    for account, address in gateways.items():
        gateway = gateway_at(address)
        try:
            socket.create_connection((gateway.host, gateway.port), _CONNECT_SECONDS).close()
        except OSError as error:
            yield wrong(
                f"{masked(account)}: nothing answers at {gateway.address} ({error.strerror or 'no answer in time'})",
                "Start IB Gateway, log in, and enable its API (docs/3-let-it-run.md)",
            )
        else:
            yield right(f"{masked(account)}: something listens at {gateway.address}")


def broker_answers(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether something listens at the broker that workers take runs from."""
    url = circumstances.settings.dagster.broker_url
    if url is None:
        yield unused("runs start beside the definitions: no broker is in the settings")
        return
    parts = urlsplit(url.get_secret_value())
    host, port = parts.hostname or _HOST, parts.port or _BROKER_PORTS.get(parts.scheme, 6379)
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError as error:
        yield wrong(
            f"nothing answers at {host}:{port} ({error.strerror or 'no answer in time'})",
            "Start the broker, or correct FNTX_BROKER_URL (docs/servers.md)",
        )
    else:
        yield right(f"something listens at {host}:{port}")
