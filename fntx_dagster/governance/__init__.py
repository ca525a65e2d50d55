"""Who decides what moves: signed decisions, thresholds and roles, and the tables of every state.

What belongs here: rules that anybody can check again from a file. What is kept, and when it is asked, is in
`services/governance`; how it is stored in `store/treasury`. This room opens nothing and holds no private key.
"""
