"""Orders and the ledger that they make: submit, cancel, fund, ask; each call is one or two turns on a book."""
