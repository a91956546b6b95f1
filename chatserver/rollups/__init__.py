"""Sums of what the operator's figures count, by buckets of time, so that ninety days are read in milliseconds."""

from chatserver.rollups.service import (
    attempts,
    costs,
    credit_statement,
    forget_person,
    rebuild,
    replies,
    reply_times,
    roll_up_next,
    times,
)

__all__ = [
    "attempts",
    "costs",
    "credit_statement",
    "forget_person",
    "rebuild",
    "replies",
    "reply_times",
    "roll_up_next",
    "times",
]
