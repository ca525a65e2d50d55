"""What a bond owes, when, and who is paid of the cash that comes in: terms, schedules, the waterfall (pure)."""
