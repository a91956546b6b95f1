"""The operator's pages, each subject in a module of its own."""

from chatserver.admin.pages import announcements, audit, money, overview, people, plans, work

PAGES = [
    *overview.PAGES,
    *work.PAGES,
    *money.PAGES,
    *people.PAGES,
    *plans.PAGES,
    *announcements.PAGES,
    *audit.PAGES,
]
