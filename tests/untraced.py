"""Coverage counts the lines of this package; while a library works, its tracer is off.

Up to Python 3.11 the tracer is called for each line of whatever runs, counted or not, and doubles the time of dbt, of
the EVM and of the search for examples, where the tests spend most of theirs. Each library is named here by the
functions through which it is entered, and by those of ours that it calls: for these the tracer is on again. Nothing is
changed where no tracer runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from importlib import import_module
from typing import Any

_LIBRARIES = ("alembic.command", "dagster_dbt", "dagster_graphql", "dbt.cli.main", "exchange_calendars", "web3")
_off = threading.local()


def without_tracer(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a library, with the tracer off until it is over, also in the threads that it starts."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        tracer: Any = sys.gettrace()
        if not hasattr(tracer, "start"):  # none, or a debugger's
            return function(*arguments, **named)
        before, of_threads = getattr(_off, "tracer", None), threading.gettrace()
        _off.tracer = tracer
        threading.settrace(None)
        sys.settrace(None)
        try:
            return function(*arguments, **named)
        finally:
            threading.settrace(of_threads)
            _off.tracer = before
            tracer.start()  # not sys.settrace: that would trace by Python what C traced

    return call


def with_tracer(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of ours that a library calls, with the tracer on until it is over."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        tracer = getattr(_off, "tracer", None)
        if tracer is None or sys.gettrace() is not None:
            return function(*arguments, **named)
        tracer.start()
        try:
            return function(*arguments, **named)
        finally:
            sys.settrace(None)

    return call


def install() -> None:
    """Wrap the functions, those that search for examples too; what they are in is imported."""
    for name in _LIBRARIES:
        without_tracer(import_module)(name)
    install_in_libraries()
    import hypothesis.core

    from fntx_dagster.adapters.evm import embedded

    _wrap(with_tracer, embedded.EmbeddedProvider, ["make_request"])
    _wrap(with_tracer, embedded._FileBackend, ["get_transaction_by_hash", "get_transaction_receipt"])

    state = hypothesis.core.StateForActualGivenExecution
    _wrap(without_tracer, state, ["run_engine"])
    made = state.__init__

    def with_a_traced_test(self: Any, stuff: Any, test: Callable[..., Any], *others: Any, **named: Any) -> None:
        made(self, stuff, with_tracer(test), *others, **named)

    state.__init__ = with_a_traced_test


def install_in_libraries() -> None:
    """Wrap the functions of libraries that commands of `fntx` call; nothing of ours is imported."""
    import alembic.command
    from dagster import DagsterInstance
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest
    from eth.vm.base import VM
    from eth_account.signers.local import LocalAccount
    from eth_tester import EthereumTester
    from web3.contract.contract import ContractFunction
    from web3.eth import Eth
    from web3.manager import RequestManager

    _wrap(without_tracer, dbtRunner, ["invoke"])
    _wrap(without_tracer, Manifest, ["from_msgpack"])
    _wrap(without_tracer, alembic.command, ["upgrade"])

    _wrap(without_tracer, DagsterInstance, ["ephemeral"])

    _wrap(without_tracer, EthereumTester, [name for name, kind in vars(EthereumTester).items() if callable(kind)])
    _wrap(without_tracer, VM, ["execute_bytecode"])
    _wrap(without_tracer, RequestManager, ["request_blocking"])
    _wrap(without_tracer, ContractFunction, ["call", "transact", "build_transaction"])
    _wrap(without_tracer, Eth, ["contract"])
    _wrap(without_tracer, LocalAccount, ["sign_transaction"])


def _wrap(how: Callable[..., Any], owner: Any, names: Iterable[str]) -> None:
    for name in names:
        setattr(owner, name, how(getattr(owner, name)))
