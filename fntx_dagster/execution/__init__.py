"""Trading on the exchange of the XRP Ledger: slices of an order, the limits of a desk, what a transaction filled."""
