"""Bonds: created, structured, approved, and moved by their table of states, each step with its guard judged."""
