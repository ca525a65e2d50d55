"""Building the days of a run, step by step: lots, marts, Greeks, reports, and the day that still runs.

Each step does its work and returns plain values: counts, figures per day, and findings, with accounts masked.
"""
