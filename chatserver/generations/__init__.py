"""Generations: pictures and clips being made, their queue and their worker."""

from chatserver.generations.deletion import delete, delete_asset
from chatserver.generations.models import History, Job, Maker
from chatserver.generations.requests import CreateGeneration, GenerationOnly
from chatserver.generations.service import HistoryQuery, cancel, create, find, history, retry

__all__ = [
    "CreateGeneration",
    "GenerationOnly",
    "History",
    "HistoryQuery",
    "Job",
    "Maker",
    "cancel",
    "create",
    "delete",
    "delete_asset",
    "find",
    "history",
    "retry",
]
