"""The tables of schema `sharing`, links for strangers; and the register of what was shown of accounts."""
