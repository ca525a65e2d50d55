"""Where alerts go: is each destination one that can be understood. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator

from fntx_dagster.adapters.apprise import problem_of
from fntx_dagster.services.alerting import name_of
from fntx_dagster.services.doctor.checks import CheckResult, Circumstances, advice, right, wrong


def destinations_are_understood(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether Apprise knows the service of each URL, and its form."""
    urls = circumstances.settings.alerts.urls
    if not urls:
        yield advice("no destination: alerts are in the UI and in `fntx alerts` only", "Set one with `fntx init`")
    for number, url in enumerate(urls, 1):
        problem = problem_of(url)
        yield (
            wrong(f"{name_of(number, url)}: {problem}", "Correct FNTX_ALERT_URLS")
            if problem
            else right(f"{name_of(number, url)} is understood; `fntx alerts --test` sends a message")
        )
