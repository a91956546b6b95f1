"""The limits of one user, or one address, from the settings. Every transaction has them (`tx.limits`), so that no entrance
can forget to pass them on."""

from dataclasses import dataclass, fields

from chatserver.config import Config


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Counts and conditions; each is the setting of the same name. A count of 0 is no limit. No user may be named like the
    site (`site_name`)."""

    commands_per_10_seconds: int = 0
    replies_per_hour: int = 0
    replies_at_once: int = 0
    replies_at_once_in_session: int = 0
    improved_prompts_per_hour: int = 0
    uploads_per_hour: int = 0
    exports_per_hour: int = 0
    open_sessions_per_user: int = 0
    free_sessions_per_day: int = 0
    free_sessions_per_address_per_day: int = 0
    free_sessions_in_all_per_day: int = 0
    free_sessions_need_verified_address: bool = False
    waiting_pictures_per_user: int = 0
    sign_ups_per_address: int = 20
    invited_sign_ups_per_address: int = 200
    verifications_per_address: int = 60
    site_name: str = ""

    @classmethod
    def from_config(cls, config: Config) -> "Limits":
        """The limits of a configuration."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})


# For the operator's own commands.
UNLIMITED = Limits()
