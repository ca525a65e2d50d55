"""Accounts of the treasury: what the configuration wants of each, what its ledger has, and the transactions between."""
