"""What credits announce."""

from chatserver.credits.models import Balance, Balances
from chatserver.events import Event


class CreditsChanged(Event, frozen=True, kw_only=True, tag="credits"):
    """Both balances of a session."""

    image: Balance
    video: Balance

    @classmethod
    def of(cls, balances: Balances) -> "CreditsChanged":
        return cls(image=balances.image, video=balances.video)

    def merge_key(self) -> str | None:
        return "credits"
