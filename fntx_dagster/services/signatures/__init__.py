"""The signed day, from the tables to the chain and back: what the assets and the terminal both call.

Joins the rooms and holds no rule of theirs: the figures come from `store`, their encoding from `metrics`, leaves and
tree from `proof`, the steps of sending from `outbox`, transactions and what the contract holds from `adapters.evm`.
`values` is what is signed, `refusals` what is not, `freezing` makes a record and its extension of it, `signing` decides
which days are frozen, `posting` brings them onto the chain; `verifying` and `drifting` compare them with today's
tables, `disclosing` shows a part of one; `checking` and `history` are for a stranger: they need no database and no
secret.
"""
