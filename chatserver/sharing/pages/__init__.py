"""The pages of share links, for whoever has one."""

from chatserver.sharing.pages import visits

PAGES = [*visits.PAGES]

__all__ = ["PAGES"]
