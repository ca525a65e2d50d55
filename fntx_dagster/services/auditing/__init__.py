"""The audit log as a user meets it: events appended, checkpoints, proofs, exports, and the calculator for strangers."""
