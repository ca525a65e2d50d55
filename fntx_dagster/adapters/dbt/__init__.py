"""dbt: its project's manifest, and running it. The only room that imports dbt."""
