"""The operator's pages, each subject in a module of its own."""

from chatserver.admin.pages import announcements, audit, figures, money, overview, people, plans, work

PAGES = [
    *overview.PAGES,
    *work.PAGES,
    *figures.PAGES,
    *money.PAGES,
    *people.PAGES,
    *plans.PAGES,
    *announcements.PAGES,
    *audit.PAGES,
]
