"""What one person, or one address, may do here. Read from the settings; every transaction carries it to the verbs, so
that no entrance can forget it."""

from dataclasses import dataclass, fields

from chatserver.config import Config


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Counts; each is the setting of the same name. 0 is no limit."""

    replies_at_once: int = 0
    replies_at_once_in_session: int = 0
    sign_ups_per_address: int = 20
    invited_sign_ups_per_address: int = 200

    @classmethod
    def of(cls, config: Config) -> "Limits":
        """The settings of people."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})


# For the operator's own commands.
UNLIMITED = Limits()
