"""The pages of share links: `visits` for whoever has one, `own` for whoever made it."""

from chatserver.sharing.pages import own, visits

PAGES = [*own.PAGES, *visits.PAGES]

__all__ = ["PAGES"]
