"""What a user can ask for about bonds: calculators, and what is in the database."""
