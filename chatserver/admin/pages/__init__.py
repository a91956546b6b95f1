"""The operator's pages, each subject in a module of its own."""

from chatserver.admin.pages import overview, work

PAGES = [*overview.PAGES, *work.PAGES]
