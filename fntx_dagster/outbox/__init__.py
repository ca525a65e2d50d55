"""What must leave exactly once: entries are queued, prepared, sent, seen, final, and a crash loses and repeats nothing.

What belongs here: the states, the order of the steps, the recovery, and the two protocols. A `Journal` keeps each step
before it is taken; a `Transport` knows one outside system. Nothing here knows what an entry is or where it goes.
"""
