"""Screening names against sanctions lists: normal form, score, contradictions, and the lists in their formats."""
