"""A style as it is stored and chosen."""

from msgspec import Struct

from chatserver.database import Row


class Style(Struct, frozen=True, kw_only=True):
    """Words before and after the prompt, and words to leave out. `digest` names its sample, None that of the product."""

    name: str
    before: str = ""
    after: str = ""
    without: str = ""
    digest: str | None = None

    @classmethod
    def from_row(cls, row: Row) -> "Style":
        return cls(
            name=row["name"],
            before=row["words_before"],
            after=row["words_after"],
            without=row["words_without"],
            digest=row["sample_digest"],
        )
