"""chatserver: a self-hosted, real-time chat in which people and an assistant make pictures and videos together."""

__version__ = "0.1.0"
