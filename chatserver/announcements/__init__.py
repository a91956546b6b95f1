"""Announcements: a line of the operator's that all open pages show at once, until it expires or is withdrawn."""

from chatserver.announcements.service import add, current, newest, withdraw

__all__ = ["add", "current", "newest", "withdraw"]
