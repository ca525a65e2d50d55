"""Objects in a store of somebody else's, such as S3: written once, read from their beginning (fsspec)."""
