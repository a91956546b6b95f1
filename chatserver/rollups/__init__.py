"""Sums of what the operator's figures count, by buckets of time, so that ninety days are read in milliseconds."""

from chatserver.rollups.service import attempts, credit_statement, forget_person, rebuild, roll_up_next, times

__all__ = ["attempts", "credit_statement", "forget_person", "rebuild", "roll_up_next", "times"]
