"""Encrypted aggregation: totals over several traders, of whom nobody shows their own figures.

Pure: points, integers and bytes in and out. Which chain they go to is the business of `adapters/evm`, and what is sent
when is that of `services/`.
"""
