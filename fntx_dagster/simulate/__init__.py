"""A broker that does not exist: statements, the Flex Web Service and IB Gateway on loopback.

For the live demo, the tests and the benchmarks. In the package, only `cli/live_demo.py` imports it.
"""
