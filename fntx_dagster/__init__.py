"""FNTX: the story of a trading account, built from its statements, verified, signed and posted day by day."""
