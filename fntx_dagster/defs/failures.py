"""How our errors become Dagster's: what cannot succeed on a second try is not tried a second time."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from fntx_dagster.errors import Permanent, without_accounts


@contextmanager
def failing_well() -> Iterator[None]:
    """Permanent becomes a Failure that no retry policy repeats, with the words a user reads and no stack of ours."""
    try:
        yield
    except Permanent as error:
        raise dg.Failure(without_accounts(str(error)), allow_retries=False) from None
