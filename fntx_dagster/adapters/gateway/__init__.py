"""IB Gateway: one account at this moment, over a read-only connection.

The only room that imports ib_insync, and in one module (`connection.py`). `accounting/provisional.py` makes a
provisional day of a snapshot.
"""
