"""The program itself: Python, the installed libraries, and whether the settings fit together."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from fntx_dagster.report import clock
from fntx_dagster.services.doctor.checks import CheckResult, Circumstances, right, wrong
from fntx_dagster.services.typed import misformed
from fntx_dagster.services.watching import settings_findings
from fntx_dagster.settings import CHECKOUT, where_set

_PACKAGE = "fntx-dagster"


def is_supported() -> Iterator[CheckResult]:
    """Whether Python and every library have a version that the code is written for."""
    python, wanted = sys.version.split()[0], metadata(_PACKAGE)["Requires-Python"]
    if python not in SpecifierSet(wanted):
        yield wrong(f"Python {python} is not supported ({wanted})", "Install Python 3.11, 3.12 or 3.13")
    unfit = [*unfit_libraries(requires(_PACKAGE) or ())]
    if unfit:
        again = (
            "run `make clean`, then `make demo`"
            if CHECKOUT
            else f"install {_PACKAGE} again in an environment of its own"
        )
        yield wrong(f"libraries do not fit: {', '.join(unfit)}", f"To mend it, {again}")
    else:
        yield right(f"FNTX {version(_PACKAGE)}, Python {python}, and every library fits")


def unfit_libraries(requirements: Iterable[str]) -> Iterator[str]:
    """Those of a package's requirements that are missing here or of another version, extras left out."""
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            yield f"{requirement.name} {installed} (needs {requirement.specifier})"


def settings_fit(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether settings that each have their form also fit together. What has no form never comes so far."""
    settings = circumstances.settings
    clock.zone(settings.report.time_zone)
    problems = [finding.text for finding in settings_findings(settings)]
    for problem in problems:
        yield wrong(problem, "docs/settings.md shows the forms; `fntx init` sets both")
    for error in (unformed := [*misformed(settings)]):
        yield wrong(error.message, error.way_out)
    if settings.chain.rpc_url is not None and settings.chain.contracts is None:
        yield wrong("FNTX_RPC_URL is set without FNTX_CONTRACTS", "Name the file with the contracts' addresses")
    elif not (problems or unformed):
        places = {place.partition(" in ")[2] or "the environment" for place in where_set().values()}
        yield right(f"read from {' and '.join(sorted(places))}" if places else "all have their defaults")
