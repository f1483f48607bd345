"""Where everything is kept: the memory store, which is the reference, and the SQL store."""
