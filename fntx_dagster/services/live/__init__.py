"""The stream: what happens now, from IB Gateway and the other wings to whoever follows it."""
