"""What Dagster and dbt read from the environment, derived from the settings: where their storage and database are."""

from fntx_dagster.services.database import dagster_storage_url, dbt_connection
from fntx_dagster.settings import Settings, dagster_home


def dagster_environment(settings: Settings) -> dict[str, str]:
    """Variables for dagster.yaml; starts the embedded server when no database is set. One holds a password."""
    folder = settings.paths.dagster
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "DAGSTER_HOME": str(dagster_home(settings.paths)),
        "FNTX_HOME": str(settings.paths.home),
        "FNTX_DAGSTER_STORAGE_URL": dagster_storage_url(settings),
        "FNTX_DAGSTER_FOLDER": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        # a run over a year tells some 250 materialisations of each asset: written together, not one by one
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
    }


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Variables for dbt/profiles.yml. dbt keeps what begins with DBT_ENV_SECRET_ out of its logs."""
    found = dbt_connection(settings)
    return {
        "FNTX_DBT_HOST": str(found["host"]),
        "FNTX_DBT_PORT": str(found["port"]),
        "FNTX_DBT_USER": found["user"],
        "FNTX_DBT_DATABASE": found["dbname"],
        "DBT_ENV_SECRET_FNTX_PASSWORD": found["password"] or "",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_LOG_PATH": str(settings.paths.dbt_target),
        # libpq reads these itself; dbt's profile has no place for all of them
        **{f"PG{name.upper()}": str(value) for name, value in found.items() if name.startswith("ssl")},
    }
