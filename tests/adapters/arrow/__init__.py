"""Tables as Parquet and as DataFrames."""
