"""The group that commitments to figures live in: G1 of BLS12-381, its generators, its encodings, its challenges.

Pure: bytes and integers in, points out. The only importer of the library that computes in it. What is committed, and
what a proof says of it, is the business of `periods/` and `aggregate/`.
"""
