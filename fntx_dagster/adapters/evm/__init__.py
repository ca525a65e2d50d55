"""The chain: contract artifacts, the embedded chain, keys, the sender, receipts.

The only room that imports web3 and the eth_* packages, and only where a chain is used: `client` and `sender` load them
inside their functions. What a root commits to is the proof's business.
"""
