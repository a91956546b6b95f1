"""E-mail to people, where SMTP_URL is set: a queue in the database, from which workers send and try again."""

from chatserver.mail.service import (
    ask_for_reset,
    ask_for_verification,
    raise_alarm,
    tell_of_payment,
    with_verification,
)

__all__ = ["ask_for_reset", "ask_for_verification", "raise_alarm", "tell_of_payment", "with_verification"]
