"""The pages of share links: `visits` and `reporting` for whoever has one, `own` for whoever made it."""

from chatserver.sharing.pages import own, reporting, visits

PAGES = [*own.PAGES, *reporting.PAGES, *visits.PAGES]

__all__ = ["PAGES"]
