"""What a transaction of the treasury shall do, in plain values: how its specification is read, the refusals with their
codes, the parameters of an anchor. Knows neither ledger's library."""
