"""Reconciliation: what the ledgers hold against what the configuration and our own records say. Pure functions: one
document in, thirty judgements out; whoever asks the ledgers is elsewhere.
"""
