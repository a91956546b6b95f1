"""Styles: how a picture is to look, as words around the prompt. The operator's list (`chatserver styles`); all see it."""

from chatserver.styles.service import add, find, list_styles, remove, sample

__all__ = ["add", "find", "list_styles", "remove", "sample"]
