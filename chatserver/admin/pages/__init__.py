"""The operator's pages, each subject in a module of its own."""

from chatserver.admin.pages import (
    announcements,
    attempts,
    audit,
    codes,
    figures,
    money,
    orders,
    overview,
    people,
    plans,
    replies,
    reports,
    rules,
    work,
)

PAGES = [
    *overview.PAGES,
    *work.PAGES,
    *figures.PAGES,
    *attempts.PAGES,
    *replies.PAGES,
    *money.PAGES,
    *orders.PAGES,
    *people.PAGES,
    *reports.PAGES,
    *plans.PAGES,
    *rules.PAGES,
    *codes.PAGES,
    *announcements.PAGES,
    *audit.PAGES,
]
