"""Assets: the files that generations made."""

from chatserver.assets.export import export_page
from chatserver.assets.models import AuditReport, StagedFile, StoredFile, SweepReport
from chatserver.assets.service import (
    delete_of_generations,
    delete_of_session,
    delete_of_user,
    favorite,
    find,
    find_file,
    find_signed_file,
    stage,
    storage_key,
    store,
)
from chatserver.assets.signatures import sign_address

__all__ = [
    "AuditReport",
    "StagedFile",
    "StoredFile",
    "SweepReport",
    "delete_of_generations",
    "delete_of_session",
    "delete_of_user",
    "export_page",
    "favorite",
    "find",
    "find_file",
    "find_signed_file",
    "sign_address",
    "stage",
    "storage_key",
    "store",
]
