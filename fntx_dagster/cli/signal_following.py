"""`fntx signals strategies` and its neighbours: who trades what, and who follows."""

from __future__ import annotations

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database


def strategies(as_json: AsJson = False) -> None:
    """List the strategies: how each trades, in which currency, with which capital.

    A strategy is known from its first signal, or from `fntx signals strategy`.

    fntx signals strategies
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.signals.following import list_strategies

    _, db = settings_and_database()
    rows = list_strategies(db)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = new_table("strategy", "accounts", "currency", right=("capital", "expected edge bps"))
    for row in rows:
        capital = "as needed" if row.capital is None else f"{row.capital:,f}"
        table.add_row(row.code, row.accounts, row.currency, capital, f"{row.expected_edge_bps:f}")
    out(table if rows else "There is no strategy yet: its first signal makes it known.")
