"""Texts as people see and type them: graphemes, confusable characters, and when two texts are equal."""
