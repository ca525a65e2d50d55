"""Database URLs, in libpq's and in SQLAlchemy's form, and psycopg's errors in words without a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from fntx_dagster.errors import Permanent, Transient

TRY_AGAIN = "Check that the server runs and that FNTX_DATABASE_URL is right, then try again"


def libpq_url(url: str) -> str:
    """The form libpq reads, of a URL that may name an SQLAlchemy driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url.strip())


def sqlalchemy_url(url: str, driver: str) -> str:
    with without_password(url):
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    user, password, database = (quote(parts.pop(name, ""), safe="") for name in ("user", "password", "dbname"))
    login = f"{user}:{password}" if password else user
    return f"postgresql+{driver}://{login}@/{database}?{urlencode(parts, safe='/')}"


@contextmanager
def without_password(url: str) -> Iterator[None]:
    """Turn psycopg's connection errors into ours; no text that may hold the URL's password goes through."""
    try:
        yield
    except psycopg.OperationalError as error:
        text = first_line(error)
        if password := conninfo_to_dict(url).get("password"):
            text = text.replace(str(password), "***")
        host = str(conninfo_to_dict(url).get("host") or "")
        if "@" in host:  # the rest of a password that was not percent-encoded
            text = text.replace(host, "***@" + host.rpartition("@")[2])
        raise Transient(f"cannot connect to the database ({text})", TRY_AGAIN) from None
    except psycopg.ProgrammingError:
        raise Permanent(
            "the database URL cannot be read",
            "Write it as postgresql://user:password@host:5432/database, with special characters percent-encoded",
        ) from None


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
