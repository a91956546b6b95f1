"""Share links, their maker's side: making, listing, changing and revoking them.

A link shows only what its maker has made: pictures of others are theirs to share. What is another's is not found. Passwords
are hashed by the entrance (`requests.password_hash`), outside of the transaction.
"""

from typing import Any

from msgspec import UNSET, structs

from chatserver import ids
from chatserver.albums import requests as album_requests
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.sharing import requests
from chatserver.sharing.models import Share, SharesPage
from chatserver.sharing.requests import ChangeShare, CreateShare
from chatserver.sharing.tokens import digest, token_of
from chatserver.users import idempotency, rate_limits

PAGE = 24
# One person's open links, and the files of one link.
MOST_SHARES, MOST_FILES = 500, 5_000
# Ended links are listed for so long, and with the open ones no more of them: each keeps the list of its files.
KEPT_DAYS, MOST_KEPT = 30, 1_000


async def list_shares(tx: Transaction, secret_key: str, *, before: str | None = None) -> SharesPage:
    """A page of the user's links, the newest first; ended ones for KEPT_DAYS."""
    rows = await tx.fetch_all("sharing.list", share_id=None, before=before, limit=PAGE + 1)
    shares = tuple(Share.from_row(row, secret_key) for row in rows[:PAGE])
    return SharesPage(shares, shares[-1].id if len(rows) > PAGE else None)


async def find(tx: Transaction, secret_key: str, share_id: str) -> Share:
    """One link; NotFound where it is not the user's."""
    row = await tx.fetch_one("sharing.list", share_id=share_id, before=None, limit=1)
    if row is None:
        raise NotFound
    return Share.from_row(row, secret_key)


async def create(tx: Transaction, secret_key: str, wanted: CreateShare, password_hash: str | None) -> Share:
    """A new link, or the one that was made under the same client_id.

    NotFound where what it should show is not the user's, and where that link was swept since; Invalid where it would show
    nothing, Conflict for more than MOST_SHARES, and for more than MOST_KEPT with those that have ended.
    """
    share_id = ids.new()
    # Without the password, which its hash alone may know; whether there is one is kept.
    kept = structs.replace(wanted, password="" if wanted.password else None)
    made = await idempotency.claim(tx, "share", wanted.client_id, kept, share_id)
    if made is not None:
        return await find(tx, secret_key, made)
    await _require_room(tx)
    title, source = requests.title(wanted.title), await _source(tx, wanted)
    if wanted.kind == "album" and wanted.title is None:
        title = await tx.fetch_value("sharing.album_name", album_id=source["album_id"])
    followed = source if wanted.follow else {"album_id": None, "session_id": None}
    await tx.execute(
        "sharing.insert",
        id=share_id,
        kind=wanted.kind,
        title=title,
        token_hash=digest(token_of(secret_key, share_id)),
        album_id=followed["album_id"],
        session_id=followed["session_id"],
        downloads=wanted.downloads,
        prompts=wanted.prompts,
        preview=wanted.preview,
        password_hash=password_hash,
        days=requests.days(wanted.days),
    )
    if not wanted.follow:
        await _show_files(tx, share_id, wanted, source)
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await find(tx, secret_key, share_id)


async def _require_room(tx: Transaction) -> None:
    # Counted without a lock: the rate limit bounds by how many concurrent requests may exceed it.
    counted = await tx.fetch_one("sharing.count_own")
    if counted and counted["open"] >= MOST_SHARES:
        raise Conflict(
            f"You have {MOST_SHARES} open links, which is as many as one person may have. Revoke some first."
        )
    if counted and counted["kept"] >= MOST_KEPT:
        raise Conflict(
            f"You have {MOST_KEPT:,} links, with those that ended in the last {KEPT_DAYS} days, which is as many as are "
            "kept for one person. Make the next one when the oldest of them is forgotten."
        )


async def change(
    tx: Transaction, secret_key: str, share_id: str, wanted: ChangeShare, password_hash: str | None
) -> Share:
    """Changes a link, at once for all of its visitors. NotFound where it is not the user's or was revoked, which is said."""
    changed = await tx.fetch_value(
        "sharing.change",
        share_id=share_id,
        title=None if wanted.title is None else requests.title(wanted.title),
        downloads=wanted.downloads,
        prompts=wanted.prompts,
        preview=wanted.preview,
        set_end=wanted.days is not UNSET,
        days=None if wanted.days is UNSET else requests.days(wanted.days),
    )
    if changed is None:
        await find(tx, secret_key, share_id)
        raise NotFound("This link was revoked. Make another one.")
    if wanted.password is not None:
        await tx.execute("sharing.set_password", share_id=share_id, password_hash=password_hash)
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await find(tx, secret_key, share_id)


async def revoke(tx: Transaction, share_id: str) -> None:
    """Ends a link: its page, its thumbnails, its files, and what is being sent. NotFound where it is not the user's."""
    if await tx.fetch_value("sharing.revoke", share_id=share_id) is None:
        raise NotFound


async def delete_of_user(tx: Transaction, user_id: str) -> None:
    """Deletes every link of a user. Needs the worker role."""
    await tx.execute("sharing.delete_of_user", user_id=user_id)


async def sweep(tx: Transaction) -> None:
    """Deletes links that ended KEPT_DAYS ago. Needs the worker role."""
    await tx.execute("sharing.sweep", days=KEPT_DAYS)


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` links of a user with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("sharing.export", user_id=user_id, after=after, limit=limit)


async def _source(tx: Transaction, wanted: CreateShare) -> dict[str, str | None]:
    """The album or session that a link is made of, by the names of their columns; both None for files."""
    source: dict[str, str | None] = {"album_id": None, "session_id": None}
    if wanted.kind == "album":
        source["album_id"] = ids.parse(_required("album_id", wanted.album_id), "album_id")
        if await tx.fetch_value("sharing.album_name", album_id=source["album_id"]) is None:
            raise NotFound
    elif wanted.kind == "session":
        source["session_id"] = ids.parse(_required("session_id", wanted.session_id), "session_id")
        if not await tx.fetch_value("sharing.is_member", session_id=source["session_id"]):
            raise NotFound
    elif wanted.follow:
        raise Invalid.field("follow", "is for albums and sessions")
    return source


def _required(field: str, value: str | None) -> str:
    if value is None:
        raise Invalid.field(field, "is missing")
    return value


async def _show_files(tx: Transaction, share_id: str, wanted: CreateShare, source: dict[str, str | None]) -> None:
    shown: list[Any]
    if wanted.kind == "album":
        shown = await tx.fetch_all("sharing.add_album", share_id=share_id, album_id=source["album_id"])
    elif wanted.kind == "session":
        shown = await tx.fetch_all(
            "sharing.add_session", share_id=share_id, session_id=source["session_id"], most=MOST_FILES
        )
    else:
        asset_ids = album_requests.file_ids(wanted.asset_ids, most=1 if wanted.kind == "picture" else MOST_FILES)
        shown = await tx.fetch_all("sharing.add_files", share_id=share_id, asset_ids=asset_ids)
        if not shown:
            raise NotFound
    if not shown:
        raise Invalid(f"There is nothing of yours in this {wanted.kind} yet.", details={"field": "kind"})
