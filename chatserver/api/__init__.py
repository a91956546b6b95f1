"""The HTTP API: typed endpoints, and the OpenAPI and AsyncAPI documents generated from their types."""
