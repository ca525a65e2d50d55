"""The tables of schema `sharing`: links for strangers, and what was shown to whom."""
