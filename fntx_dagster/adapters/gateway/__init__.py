"""IB Gateway: one account at this moment, over a read-only connection.

The only room that imports ib_insync, in one module (`connection.py`). `accounting/provisional.py` makes the provisional
day of a snapshot.
"""
