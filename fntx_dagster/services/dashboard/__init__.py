"""What the pages of the dashboard show, each read from one snapshot."""
