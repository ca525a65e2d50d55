"""Proposals and who decides them: what a treasurer, a signer and the programs that move money ask for."""
