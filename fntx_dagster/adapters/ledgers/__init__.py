"""Servers of the XRP Ledger and of Stellar, asked as a stranger asks them: JSON over HTTP, no key, no library.

Whoever checks a proof needs four questions and trusts no client. What builds, signs and sends is in the ledgers' own
adapters.
"""
