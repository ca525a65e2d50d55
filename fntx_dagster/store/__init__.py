"""PostgreSQL: the server, connections, migrations, and one folder per schema or subject of the tables."""
