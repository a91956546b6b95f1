"""Jobs: work that waits in a table and is done by worker processes under a lease."""
