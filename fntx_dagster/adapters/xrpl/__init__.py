"""The XRP Ledger: transactions built from plain values, read back from their bytes, and signatures combined (xrpl-py).

The library's codec and keys are used, not its judgement: it encodes what no ledger accepts, so a specification is
refused here before the library sees it. No private key comes into this room.
"""
