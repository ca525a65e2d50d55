"""Encrypted aggregation as a user asks for it: what a trader, a trustee and a stranger do. docs/aggregation.md."""
