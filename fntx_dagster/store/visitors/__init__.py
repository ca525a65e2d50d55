"""Who may look at the dashboard: users, sessions, the proofs that begin them, and the log of all of it."""
