"""A broker that does not exist: statements, the Flex Web Service and IB Gateway on loopback.

For the live demo, the tests and the benchmarks; no other room knows that it is there.
"""
