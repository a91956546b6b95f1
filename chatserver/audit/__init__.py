"""The audit log: who did what as an operator, on whom, when, from where, and why."""

from chatserver.audit.models import COMMAND_LINE, Actor
from chatserver.audit.service import record

__all__ = ["COMMAND_LINE", "Actor", "record"]
