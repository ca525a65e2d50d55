"""The schema `ledger`: append-only entries and what is derived from them. One lock per book, one read, one write."""
