"""Where state is kept: Postgres, its schema and tables, and the blob store."""
