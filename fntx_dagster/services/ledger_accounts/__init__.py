"""A book of the ledger as an account of the record wing: its days as statements, loaded, explained and signed."""
