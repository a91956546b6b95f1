"""The operator's pages, each subject in a module of its own."""

from chatserver.admin.pages import audit, money, overview, people, plans, work

PAGES = [*overview.PAGES, *work.PAGES, *money.PAGES, *people.PAGES, *plans.PAGES, *audit.PAGES]
