"""What a witness is given, and how it compares a signed day with its own: packages, sealing, rules, reports.

What belongs here: forms and rules. Whoever recomputes the days, posts attestations or reads them is in `services`.
Values, salts and blindings are private: they are in no repr, no error and no report.
"""
