"""Configuration: read once from the environment, typed and checked, then passed. `chatserver config` prints it."""

from chatserver.config.settings import Config, load, secret_key, settings, variables
from chatserver.config.timing import Timing

__all__ = ["Config", "Timing", "load", "secret_key", "settings", "variables"]
