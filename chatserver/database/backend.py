"""Imports the backend of `databases` in advance: it would do so by name for the first pool, and block the loop."""

import databases.backends.postgres  # noqa: F401
