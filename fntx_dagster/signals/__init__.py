"""One signal, one execution: who takes part, how lots and cents are shared, and how a share is proved. Pure."""
