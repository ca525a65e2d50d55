"""Stellar: transactions built from plain values, read back from their XDR, and signatures combined (stellar-sdk).

A specification is refused here before the library sees it. No private key comes into this room.
"""
