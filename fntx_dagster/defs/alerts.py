"""Alerts on their way: the run that sends them."""

import dagster as dg

from fntx_dagster.defs.resources import Platform
from fntx_dagster.services import alerting as alerts


@dg.op(description="Sends what each destination of FNTX_ALERT_URLS has not had yet.")
def send_alerts(context: dg.OpExecutionContext, platform: Platform) -> None:
    """A destination that does not take its alerts does not keep the others from theirs."""
    done = alerts.deliver(platform.settings(), platform.database())
    for one in done:
        context.log.info(f"{one.destination}: {one.problem or f'{one.alerts} alerts'}")
    failed = [f"{one.destination}: {one.problem}" for one in done if one.problem]
    if failed:
        raise dg.Failure("; ".join(failed), allow_retries=False)


@dg.job(description="Sends new alerts to every destination of the settings.")
def deliver_alerts() -> None:
    """One step."""
    send_alerts()
