"""Transactions of the treasury: prepared from approved proposals, signed elsewhere, submitted, and confirmed."""
