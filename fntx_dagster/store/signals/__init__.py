"""Signals in the database: strategies, instruments, subscriptions, the log, executions and their allocations."""
