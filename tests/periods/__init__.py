"""Period proofs: the day's commitment, the file, the prover, the verifier."""
