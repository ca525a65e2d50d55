"""Reconciliation with the ledgers and the database: what is asked, what is kept of it, what a calculator answers."""
