"""Opening an exchange: by its name, and without a library that is not needed."""

from __future__ import annotations

import pytest

from fntx_dagster.adapters.exchanges.opening import open_exchange
from fntx_dagster.errors import Permanent


def test_an_unknown_exchange_is_refused_with_the_names_of_those_that_are_known() -> None:
    with pytest.raises(Permanent, match=r"no exchange is called 'ovex'\. Known exchanges: "):
        open_exchange("ovex", None)
