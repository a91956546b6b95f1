"""What is answered about a file."""

from datetime import date
from typing import Literal

from msgspec import Struct

Evidence = Literal["manifest", "sha256", "fingerprint"]
Certainty = Literal["certain", "almost-certain", "likely"]


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether a file was made here, how sure that is, by what it was recognised, and on which day (UTC) it was made.

    `source` is IPTC's digital source type. `changed`: its manifest is this server's, and the file was changed since it was
    signed. Nothing here says whose it is.
    """

    made_here: bool
    certainty: Certainty | None = None
    evidence: Evidence | None = None
    made_on: date | None = None
    source: str | None = None
    changed: bool = False
