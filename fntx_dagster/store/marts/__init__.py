"""Schema `alm_reporting` as dbt builds it, read by subject; and what Python adds to it for a day: Greeks, snapshots."""
