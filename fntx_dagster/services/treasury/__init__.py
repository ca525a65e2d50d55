"""The treasury: what may be proposed, built, signed elsewhere and sent to the XRP Ledger and Stellar."""
