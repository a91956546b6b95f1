"""Assets: the files that generations made."""

from chatserver.assets.models import Comparison, File, Staged, Swept
from chatserver.assets.service import favorite, find, find_file, find_signed_file, stage, storage_key, store
from chatserver.assets.signatures import sign_address

__all__ = [
    "Comparison",
    "File",
    "Staged",
    "Swept",
    "favorite",
    "find",
    "find_file",
    "find_signed_file",
    "sign_address",
    "stage",
    "storage_key",
    "store",
]
