"""An XRP Ledger that does not exist, on loopback: rippled's JSON-RPC over one ledger in memory or in a file.

It decodes and hashes real bytes, checks every signature and gives the ledger's own codes. `engine` decides about a
transaction, and the modules beside it hold the rules of each kind; `ledger` closes ledgers and keeps history;
`methods` and `reading` answer; `server` is the HTTP side with faults on demand. `python -m
fntx_dagster.simulate.xrpl` runs it as a process of its own. What is not here: paths through several issuers or
order books, amendments, consensus; and a ledger's hash is one of our own making.
"""
