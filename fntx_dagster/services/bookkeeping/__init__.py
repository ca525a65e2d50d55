"""What comes into a book beside orders: fills of a file, a broker's statements, corrections. Many entries at once."""
