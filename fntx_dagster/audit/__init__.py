"""The audit log without its tables: events, their canonical form, their tree, checkpoints, sealed lines, proofs.

Nothing here reads a file, a clock or a database. A stranger who doubts the log needs this room and no other.
"""
