"""Anchors of the audit log on every ledger that is configured: made, signed by the anchor key, and read back."""
