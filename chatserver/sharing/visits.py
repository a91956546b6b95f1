"""Share links, their visitors' side: what somebody without an account may see by a link. Needs the worker role.

Whatever is wrong (no such link, revoked, expired, its maker banned or gone, nothing left to show, a file that is not in it)
is the same NotFound, found by the same query.
"""

from collections.abc import Sequence

from chatserver.assets.models import StoredFile
from chatserver.database import Transaction
from chatserver.errors import NotFound, RateLimited
from chatserver.identity.addresses import subnet_of
from chatserver.sharing.models import OpenShare, SharedPicture, SharedPictures, SharedPlace
from chatserver.sharing.tokens import digest
from chatserver.users import attempt_limits
from chatserver.users.attempt_limits import AttemptCount, AttemptLimit

# Pictures on one page of a link.
PAGE = 60
# Files in one zip of a link: their copies are made before its first byte, which takes some seconds.
ZIP_FILES = 100
# Guesses at a link's password, like those of a sign-in: by network, and by link, which a group of people may share.
_BY_NETWORK = AttemptLimit("share-address", free=10, window=900, first_wait=60, longest_wait=3600)
_BY_LINK = AttemptLimit("share-password", free=20, window=900, first_wait=30, longest_wait=900)
# Reports by visitors, by network.
_REPORTS = AttemptLimit("share-report", free=10, window=3600, first_wait=60, longest_wait=3600)


async def find_open(tx: Transaction, token: str) -> OpenShare:
    """The open link with this secret; NotFound for every other."""
    row = await tx.fetch_one("sharing.open", token_hash=digest(token))
    if row is None:
        raise NotFound
    return OpenShare.from_row(row)


async def is_open(tx: Transaction, share: OpenShare, token: str, asset_ids: Sequence[str], *, download: bool) -> bool:
    """Whether the files that are being sent may go on: the link is as open as it was, and still shows all of them."""
    try:
        now = await find_open(tx, token)
    except NotFound:
        return False
    if now.password_hash != share.password_hash or (download and not now.downloads):
        return False
    shown: int = await tx.fetch_value(
        "sharing.count_files", share_id=share.id, user_id=share.user_id, asset_ids=list(asset_ids)
    )
    return shown == len(asset_ids)


async def note_use(tx: Transaction, share: OpenShare) -> None:
    """Notes that a link was used, once a minute at most."""
    if share.stale:
        await tx.execute("sharing.touch", share_id=share.id)


async def list_pictures(tx: Transaction, share: OpenShare, after: str | None) -> SharedPictures:
    """A page of what a link shows."""
    mine = {"share_id": share.id, "user_id": share.user_id}
    rows = await tx.fetch_all("sharing.pictures", **mine, after=after, limit=PAGE + 1)
    pictures = tuple(SharedPicture.from_row(row, share) for row in rows[:PAGE])
    total = await tx.fetch_value("sharing.count_pictures", share_id=share.id)
    return SharedPictures(pictures, total, pictures[-1].id if len(rows) > PAGE else None)


async def find_picture(tx: Transaction, share: OpenShare, asset_id: str) -> SharedPlace:
    """One picture that a link shows, with its place; NotFound for every other."""
    row = await tx.fetch_one("sharing.picture", share_id=share.id, user_id=share.user_id, asset_id=asset_id)
    if row is None:
        raise NotFound
    place = {name: row[name] for name in ("number", "total", "previous", "next")}
    return SharedPlace(picture=SharedPicture.from_row(row, share), **place)


async def find_file(tx: Transaction, share: OpenShare, asset_id: str) -> StoredFile:
    """One file that a link shows, as it is served; NotFound for every other."""
    row = await tx.fetch_one("sharing.file", share_id=share.id, user_id=share.user_id, asset_id=asset_id)
    if row is None:
        raise NotFound
    return StoredFile.from_row(row)


async def find_files(tx: Transaction, share: OpenShare, part: int) -> list[StoredFile]:
    """The files of a part (counted from 1) of what a link shows, ZIP_FILES at most; NotFound for a part that has none."""
    rows = await tx.fetch_all(
        "sharing.files", share_id=share.id, user_id=share.user_id, first=(part - 1) * ZIP_FILES, limit=ZIP_FILES
    )
    if not rows:
        raise NotFound
    return [StoredFile.from_row(row) for row in rows]


async def find_session_for_prompt(tx: Transaction) -> tuple[str, str] | None:
    """Id and title of this transaction's user's newest session in which a prompt could be used; as the web role."""
    row = await tx.fetch_one("sharing.session_for_prompt")
    return None if row is None else (row["id"], row["title"])


async def count_guess(tx: Transaction, token: str, address: str) -> RateLimited | None:
    """Counts a guess at the password of a link, whether or not there is such a link; the refusal where one must wait."""
    return await attempt_limits.count_attempts(tx, _guess(token, address))


async def count_report(tx: Transaction, address: str) -> RateLimited | None:
    """Counts a report by a visitor; the refusal where one must wait."""
    return await attempt_limits.count_attempts(tx, (AttemptCount(_REPORTS, subnet_of(address)),))


async def forget_guess(tx: Transaction, token: str, address: str) -> None:
    """Takes a right password off the counts."""
    await attempt_limits.refund(tx, _guess(token, address))


def _guess(token: str, address: str) -> tuple[AttemptCount, ...]:
    return AttemptCount(_BY_NETWORK, subnet_of(address)), AttemptCount(_BY_LINK, digest(token).hex())
