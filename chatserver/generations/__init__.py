"""Generations: pictures and clips being made, their queue and their worker."""

from chatserver.generations.deletion import delete, delete_asset
from chatserver.generations.models import GenerationJob, History, ModelChoice
from chatserver.generations.requests import CreateGeneration, GenerationOnly
from chatserver.generations.service import HistoryQuery, cancel, create, find, history, retry

__all__ = [
    "CreateGeneration",
    "GenerationJob",
    "GenerationOnly",
    "History",
    "HistoryQuery",
    "ModelChoice",
    "cancel",
    "create",
    "delete",
    "delete_asset",
    "find",
    "history",
    "retry",
]
