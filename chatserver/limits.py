"""What one person, or one address, may do here. Read from the settings; every transaction carries it to the verbs, so
that no entrance can forget it."""

from dataclasses import dataclass, fields

from chatserver.config import Config


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Counts; each is the setting of the same name. 0 is no limit. Nobody is called like the site (`site_name`)."""

    commands_per_10_seconds: int = 0
    replies_per_hour: int = 0
    replies_at_once: int = 0
    replies_at_once_in_session: int = 0
    improved_prompts_per_hour: int = 0
    exports_per_hour: int = 0
    open_sessions_per_user: int = 0
    free_sessions_per_day: int = 0
    waiting_pictures_per_user: int = 0
    sign_ups_per_address: int = 20
    invited_sign_ups_per_address: int = 200
    site_name: str = ""

    @classmethod
    def of(cls, config: Config) -> "Limits":
        """The settings of people."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})


# For the operator's own commands.
UNLIMITED = Limits()
