"""IB Gateway: one account at this moment, over a read-only connection; orders over a connection of their own.

The only room that imports ib_insync, in three modules: `conversation`, `connection` (reads an account) and `ordering`.
`accounting/provisional.py` makes the provisional day of a snapshot.
"""
