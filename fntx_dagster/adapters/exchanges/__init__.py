"""Accounts at exchanges: each class is an `Exchange` (model/exchanges.py) over one way to reach one.

The only room that imports ccxt, whose import takes two seconds: `opening` loads it when an exchange that needs it is
opened, and nothing else does.
"""
