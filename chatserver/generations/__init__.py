"""Generations: pictures and clips being made, their queue and their worker."""

from chatserver.generations.cancellation import (
    cancel_of_banned_user,
    cancel_of_member,
    cancel_of_session,
    cancel_of_user,
)
from chatserver.generations.deletion import delete, delete_asset, delete_message
from chatserver.generations.export import export_page
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
    "cancel_of_banned_user",
    "cancel_of_member",
    "cancel_of_session",
    "cancel_of_user",
    "create",
    "delete",
    "delete_asset",
    "delete_message",
    "export_page",
    "find",
    "history",
    "retry",
]
