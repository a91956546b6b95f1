"""The key by which links and cookies are signed: SECRET_KEY, or one that is made at the first start and kept."""

import os
import secrets
import tempfile
from pathlib import Path

from chatserver.config.settings import SHORTEST_SECRET, Config
from chatserver.errors import ConfigurationError


def secret_key(config: Config) -> str:
    """SECRET_KEY, or the one kept in DATA_DIR/secret-key, made (mode 0600) on the first start."""
    if config.secret_key:
        return config.secret_key
    path = config.data_dir / "secret-key"
    try:
        return _kept_key(path) or _make_key(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"{path} cannot be made or read: {why}. Set DATA_DIR or SECRET_KEY.") from None


def _kept_key(path: Path) -> str:
    """The key of an earlier start; empty where there is none, or where one began and the disk was full."""
    try:
        key = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    return key if len(key) >= SHORTEST_SECRET else ""


def _make_key(path: Path) -> str:
    """A new key, which appears whole or not at all. Of processes that start at once, all use that of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(prefix=".secret-key-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(made, path)
        except OSError:
            # Another process has made one meanwhile; or what is there is no key, or the folder knows no links.
            if not _kept_key(path):
                os.replace(made, path)
    finally:
        Path(made).unlink(missing_ok=True)
    return _kept_key(path)
