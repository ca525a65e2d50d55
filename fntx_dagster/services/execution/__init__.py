"""Strategies on the exchange of the XRP Ledger: started, sliced, decided, watched, and what they traded entered."""
