"""The HTTP API: typed endpoints, and the documents that are made from their types."""
