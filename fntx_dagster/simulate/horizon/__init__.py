"""A Horizon with its Stellar network that do not exist, on loopback: real XDR, hashes and signatures, real codes.

`network` takes envelopes and closes ledgers, `transactions` and `operations` hold the rules, `routes` answers as
Horizon does, `server` is the HTTP side with faults on demand. An adapter needs its address alone. As a process:
`python -m fntx_dagster.simulate.horizon --help`.
"""
