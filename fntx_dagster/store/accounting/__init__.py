"""Tables that Python computes from raw rows: fills, lots, rates, sessions, capital, and the notes of stale days."""
