"""Backups: making them, restoring from them elsewhere, and proving that what was restored is what was signed."""
