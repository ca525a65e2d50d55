"""The values that all rooms share: contracts, days, snapshots, positions.

What belongs here: shapes and their order. No rule of accounting, nothing that opens a file or a connection.
"""
