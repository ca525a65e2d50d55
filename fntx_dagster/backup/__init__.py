"""What a backup is: how its files are sealed, what its manifest says, and which of them are kept. Nothing here reads or
writes a file."""
