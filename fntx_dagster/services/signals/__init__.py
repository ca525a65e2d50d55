"""Signals: one message, one execution, a fair share for each participant."""
