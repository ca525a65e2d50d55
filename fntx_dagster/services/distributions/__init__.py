"""The cash of bonds: what came in, who is paid of it by the waterfall, and that each of them is paid once."""
