"""Simulated accounts go the whole path that tests of the story go."""
