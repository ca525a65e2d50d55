"""What an escrow of the treasury is: its templates, its times, and the guards of its steps."""
