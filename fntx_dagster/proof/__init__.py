"""The proof that a metric belongs to a day's record: salted leaves, a tree of 64 fixed slots, disclosures.

Pure: values in, values out, nothing of ours but errors, so that anyone can check a disclosure with this folder and a
root read from the chain. What a slot means is the catalogue's business (`metrics/`), where a root is kept the chain's.
"""
