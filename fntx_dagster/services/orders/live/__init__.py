"""Live orders: placed at an exchange, asked for, followed, cancelled, so that no crash sends one twice or loses one.

A live order is a transaction, a call of the exchange, and a transaction. The first (`placing`) passes the gates and
commits the order as `submitting`; only then is it sent, outside any transaction; the second (`settling`) books what the
exchange says. Whatever happens between the two, `sweeping` finds a row and asks for it, and nothing sends it again.

The outbox of the other wings does not carry orders: its sender repeats the bytes of a slot until the outside system
shows them, one message of a key at a time, because a chain takes a slot once. An exchange promises no such thing (some
check a client id among open orders only, so that a repeated order trades again), and orders must not wait for each
other. What the two share is the rule: what is about to be done is committed before it is done.
"""
