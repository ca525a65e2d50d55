"""Stellar (stellar-sdk): transactions built from plain values, read back from their XDR, and signatures combined;
what a Horizon says, and what became of what was submitted.

A specification is refused here before the library sees it. No private key comes into this room.
"""
