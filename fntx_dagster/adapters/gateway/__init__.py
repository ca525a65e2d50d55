"""IB Gateway: one account as it stands now, over a connection that only reads.

The only room that imports ib_insync, and in one module (`connection.py`). What a snapshot is made into lies in
`report/today.py`.
"""
