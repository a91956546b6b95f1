from tests.assets.conftest import session_files

__all__ = ["session_files"]
