"""Witnesses: what a trader gives one, what it recomputes and attests, and what a stranger reads of its attestations."""
