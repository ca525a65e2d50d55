"""The configuration of a worker of runs, from the settings, as Celery reads it: a value for each of its names.

`fntx worker` starts the worker; dagster-celery imports this module by its name.
"""

from fntx_dagster.services.environment import broker_urls
from fntx_dagster.settings import load_settings

LONGEST_RUN = 43_200
"""Seconds: `max_runtime_seconds` of the instance files."""

broker_url, result_backend = broker_urls(load_settings())
task_track_started = True
# a worker that is at work reserves no run that another one could take
worker_prefetch_multiplier = 1
task_acks_late = True
# a broker that hears nothing of a task for so long gives it to another worker too
broker_transport_options = {"visibility_timeout": LONGEST_RUN + 1}
result_backend_transport_options = broker_transport_options
broker_connection_retry_on_startup = True
