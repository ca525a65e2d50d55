"""What accounts are called where their ids must not be."""

from __future__ import annotations

from datetime import date

from fntx_dagster.errors import labels
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import account_labels
from tests import by_hand

JULY_16, JULY_17 = date(2025, 7, 16), date(2025, 7, 17)


def test_accounts_that_are_masked_alike_are_numbered_and_others_are_not() -> None:
    assert labels(["U7000001", "U7000002", "U1000001", "U7000001", "F3000001", "U9000001"]) == {
        "U7000001": "U…0001",
        "U7000002": "U…0002",
        "U1000001": "U…0001 (2)",
        "F3000001": "F…0001",
        "U9000001": "U…0001 (3)",
    }


def test_the_account_that_was_loaded_first_keeps_its_label(database: Database) -> None:
    by_hand.fetched(database, "U7000001", JULY_16)
    assert account_labels(database) == {"U7000001": "U…0001"}
    by_hand.fetched(database, "U1000001", JULY_16)
    by_hand.fetched(database, "U7000001", JULY_17)
    assert account_labels(database) == {"U7000001": "U…0001", "U1000001": "U…0001 (2)"}


def test_accounts_without_statements_come_after_those_that_have_some(database: Database) -> None:
    by_hand.fetched(database, "U7000001", JULY_16)
    labels = account_labels(database, ["U5000001", "U7000001", "U3000001"])
    assert (labels["U7000001"], labels["U3000001"], labels["U5000001"]) == ("U…0001", "U…0001 (2)", "U…0001 (3)")


def test_an_unknown_account_is_masked(database: Database) -> None:
    assert account_labels(database)["U7000001"] == "U…0001"
