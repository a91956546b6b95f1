"""The application: how its parts are put together, and what ties features to the hub and to time."""
