"""Texts as people see and type them: graphemes, confusable characters, and when two of them are the same."""
