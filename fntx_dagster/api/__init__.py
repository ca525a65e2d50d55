"""The HTTP API of orders and their ledger: it reads a request, calls a service, writes the answer; it has no rules."""
