"""The operator's list of styles."""

import hashlib
import re

from chatserver.database import Transaction
from chatserver.errors import Invalid, NotFound
from chatserver.styles.models import Style
from chatserver.validation import optional_line, single_line

NAME_LENGTH, WORDS_LENGTH = 40, 300
# The composer shows them all at once.
MOST_STYLES = 60
_DIGEST = re.compile(r"[0-9a-f]{32}")


async def list_styles(tx: Transaction) -> list[Style]:
    """Every style, in the order in which the composer shows them; at most MOST_STYLES."""
    return [Style.from_row(row) for row in await tx.fetch_all("styles.all")]


async def find(tx: Transaction, name: str) -> Style | None:
    """The style of this name, in capital letters or small ones."""
    row = await tx.fetch_one("styles.find", name=name)
    return None if row is None else Style.from_row(row)


def check(style: Style) -> Style:
    """The style with its texts trimmed; Invalid for one that is too long or holds no words."""
    words = {field: getattr(style, field) for field in ("before", "after", "without")}
    checked = {field: optional_line(f"--{field}", text, WORDS_LENGTH) for field, text in words.items()}
    if not any(checked.values()):
        raise Invalid.field("--after", "or another option must say what the style is")
    return Style(name=single_line("name", style.name, NAME_LENGTH), **checked)


async def add(tx: Transaction, style: Style, sample: bytes) -> None:
    """Adds a style at the end of the list, or replaces the one of its name. Needs the worker role."""
    known = await list_styles(tx)
    if len(known) >= MOST_STYLES and style.name.lower() not in {each.name.lower() for each in known}:
        raise Invalid.field("name", f"is one too many: {MOST_STYLES} styles are the most")
    await tx.execute(
        "styles.save",
        name=style.name,
        words_before=style.before,
        words_after=style.after,
        words_without=style.without,
        sample=sample,
        sample_digest=hashlib.sha256(sample).hexdigest()[:32],
    )


async def remove(tx: Transaction, name: str) -> None:
    """Removes a style; NotFound where there is none. Pictures that were made with it keep its words."""
    if await tx.fetch_value("styles.remove", name=name) is None:
        raise NotFound(f"There is no style “{name}”.")


async def sample(tx: Transaction, digest: str) -> bytes:
    """The sample of this digest, a WebP; NotFound where there is none."""
    found: bytes | None = await tx.fetch_value("styles.sample", digest=digest) if _DIGEST.fullmatch(digest) else None
    if found is None:
        raise NotFound
    return found
