"""The run that delivers alerts."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import failure, info
from fntx_dagster.services.alerting import deliver


@dg.op(description="Sends each destination of FNTX_ALERT_URLS the alerts that it has not had yet.")
def send_alerts(context: dg.OpExecutionContext, platform: Platform) -> None:
    """A destination that does not take its alerts does not keep the others from theirs."""
    with failing_well():
        deliveries = deliver(platform.settings(), platform.database())
    for delivery in deliveries:
        info(context, f"{delivery.destination}: {delivery.problem or f'{delivery.alerts} alerts'}")
    failed = [f"{delivery.destination}: {delivery.problem}" for delivery in deliveries if delivery.problem]
    if failed:
        raise failure("; ".join(failed))


@dg.job(description="Sends new alerts to every destination of the settings.")
def deliver_alerts() -> None:
    """One step."""
    send_alerts()
