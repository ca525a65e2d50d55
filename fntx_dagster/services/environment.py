"""What Dagster and dbt read from the environment, derived from the settings: where their storage and database are."""

from __future__ import annotations

from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings, dagster_home
from fntx_dagster.store.opening import dagster_storage_url, dbt_connection


def dagster_environment(settings: Settings) -> dict[str, str]:
    """Variables for dagster.yaml. Starts the embedded server when no database is set. One variable holds a password,
    and those of a broker may. Permanent where the instance file cannot be read."""
    folder = settings.paths.dagster
    folder.mkdir(parents=True, exist_ok=True)
    try:
        home = dagster_home(settings.paths, settings.dagster.instance)
    except OSError as error:
        raise Permanent(
            f"Dagster's instance file {error.filename} cannot be read: {error.strerror}",
            "Set FNTX_DAGSTER_INSTANCE to one of deploy/dagster/ (docs/servers.md)",
        ) from None
    return {
        **_of_a_broker(settings),
        "DAGSTER_HOME": str(home),
        "FNTX_HOME": str(settings.paths.home),
        "FNTX_DAGSTER_STORAGE_URL": dagster_storage_url(settings),
        "FNTX_DAGSTER_FOLDER": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        # a run over a year reports some 250 materialisations of each asset: written together, not one by one
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
    }


def broker_urls(settings: Settings) -> tuple[str, str]:
    """Where runs are put for workers, and where these tell how a run ended; they may hold passwords. Permanent where
    no broker is set."""
    if settings.dagster.broker_url is None:
        raise Permanent(
            "no broker is in the settings", "Set FNTX_BROKER_URL, such as redis://127.0.0.1:6379/0 (docs/servers.md)"
        )
    result = settings.dagster.result_url or settings.dagster.broker_url
    return settings.dagster.broker_url.get_secret_value(), result.get_secret_value()


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Variables for dbt/profiles.yml. dbt keeps what begins with DBT_ENV_SECRET_ out of its logs."""
    connection = dbt_connection(settings)
    return {
        "FNTX_DBT_HOST": str(connection["host"]),
        "FNTX_DBT_PORT": str(connection["port"]),
        "FNTX_DBT_USER": connection["user"],
        "FNTX_DBT_DATABASE": connection["dbname"],
        "DBT_ENV_SECRET_FNTX_PASSWORD": connection["password"] or "",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_LOG_PATH": str(settings.paths.dbt_target),
        # libpq reads these itself; dbt's profile has no place for all of them
        **{f"PG{name.upper()}": str(value) for name, value in connection.items() if name.startswith("ssl")},
    }


def _of_a_broker(settings: Settings) -> dict[str, str]:
    """The variables of deploy/dagster/celery.yaml, where there is a broker."""
    if settings.dagster.broker_url is None:
        return {}
    broker, result = broker_urls(settings)
    return {"FNTX_BROKER_URL": broker, "FNTX_RESULT_URL": result, "FNTX_QUEUE": settings.dagster.queue}
