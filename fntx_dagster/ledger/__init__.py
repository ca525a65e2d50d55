"""The append-only ledger of orders: entries and their chain of hashes, positions, equity, the four gates, the breaker.

Pure: nothing here opens a connection or reads a clock. `now` is always given.
"""
