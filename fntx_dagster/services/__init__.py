"""What a user can ask for, one function each: plain values in and out, no printing."""
