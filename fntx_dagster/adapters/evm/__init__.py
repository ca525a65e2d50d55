"""The chain: contract artifacts, the embedded chain, keys, what a node says, and the transport of the outbox.

The only room that imports web3 and the eth_* packages, and only where a chain is used: its modules load them inside
their functions, `embedded` and `served` alone at the top. What a root commits to is the proof's business.
"""
