"""Schema `raw_flex`: statements as delivered, what was fetched, and which days they cover."""
