"""Configuration: read once from the environment, typed and checked, then passed. `chatserver config` prints it."""

from chatserver.config.loading import load, settings, variables
from chatserver.config.settings import Config
from chatserver.config.signing_key import secret_key
from chatserver.config.timing import Timing

__all__ = ["Config", "Timing", "load", "secret_key", "settings", "variables"]
