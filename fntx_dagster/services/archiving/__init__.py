"""Where statements are kept: a folder, or an object store with its names in a table."""
