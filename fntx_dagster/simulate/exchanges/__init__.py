"""Exchanges that do not exist, on loopback: one paper exchange that speaks the published protocols of several.

`paper` matches orders and keeps accounts; a dialect (`binance`, `kucoin`, `kraken`, `luno`) turns its orders and fills
into an exchange's answers; `server` is the HTTP side with faults on demand. An adapter needs its address
alone.
"""
