"""Jobs of the definitions, run from a command."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from fntx_dagster.cli.options import print_json
from fntx_dagster.errors import Permanent, Transient

if TYPE_CHECKING:
    from fntx_dagster.model.period import Period
    from fntx_dagster.settings import Settings


def run_job(settings: Settings, job: str, period: Period, as_json: bool) -> None:
    """Run a job over a range, with its steps on standard error and its outcome on standard output."""
    run_jobs(settings, {job: period}, as_json)


def run_jobs(settings: Settings, jobs: Mapping[str, Period], as_json: bool) -> None:
    """Run jobs one after the other, each over its range; their outcome is printed as one. The first that fails is the
    last."""
    with keeping_imports():
        from fntx_dagster.defs.run import RunOutcome, joined, run_range
    from fntx_dagster.cli.steps import print_outcome, watching_steps
    from fntx_dagster.cli.terminal import note

    outcomes: list[RunOutcome] = []
    with watching_steps():
        for job, period in jobs.items():
            outcomes.append(run_range(settings, job, period))
            if not outcomes[-1].success:
                break
    outcome = joined(outcomes)
    if as_json:
        names = ("run_id", "success", "failures", "warnings", "notes", "changed")
        print_json({name: getattr(outcome, name) for name in names})
    else:
        print_outcome(outcome)
    if not outcome.success:
        note("Steps that do not depend on the failed one ran; their results are in the tables.")
        raise typer.Exit(Transient.exit_code if outcome.transient else Permanent.exit_code)


@contextmanager
def keeping_imports() -> Iterator[None]:
    """Import modules inside: they stay as long as the process, so that garbage need not be looked for meanwhile, nor in
    them later. That saves a quarter of the time that the definitions take."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
