"""Periods: what a day commits to, and the proof of a period's figures that shows none of its days.

Pure: values in, texts and verdicts out. What is signed of a day is `metrics/`' and `proof/`'s business; which days were
posted, a chain's.
"""
