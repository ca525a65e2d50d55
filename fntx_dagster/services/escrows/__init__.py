"""Escrows of the treasury: proposed, approved, created, finished or cancelled; disputes, documents, deadlines."""
