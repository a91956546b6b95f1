"""Whether an account's e-mail address is verified, and the links by which it is: each works once and for LINK_DAYS."""

import structlog
from msgspec import Struct

from chatserver.database import Transaction
from chatserver.errors import AddressNotVerified, NotFound
from chatserver.users import email_addresses, tokens

LINK_DAYS = 3
_USED_OR_OLD = "This link has been used already, or is too old. Ask for a new one in your settings."
_NO_ADDRESS = (
    "Free sessions are for people with a verified e-mail address. Give your account an address in the settings first."
)

log = structlog.get_logger(__name__)


class AddressStatus(Struct, frozen=True, kw_only=True):
    """Whether an address is verified, and whether that is asked of it: not of accounts from before there was this, and
    `has_address` is false for a guest who gave a name only."""

    is_verified: bool
    is_exempt: bool
    has_address: bool

    @property
    def may_have_free_sessions(self) -> bool:
        """Whether free sessions are given where they need a verified address."""
        return self.is_verified or self.is_exempt


async def status(tx: Transaction, user_id: str) -> AddressStatus:
    """What is known of the address of an account; NotFound where there is none. Needs the worker role."""
    row = await tx.fetch_one("users.address_status", id=user_id)
    if row is None:
        raise NotFound
    return AddressStatus(
        is_verified=row["email_verified_at"] is not None,
        is_exempt=row["email_is_exempt"],
        has_address=not email_addresses.is_of_nobody(row["email"]),
    )


async def require(tx: Transaction, user_id: str) -> None:
    """AddressNotVerified where the account has yet to verify its address. Needs the worker role."""
    address = await status(tx, user_id)
    if not address.may_have_free_sessions:
        raise AddressNotVerified() if address.has_address else AddressNotVerified(_NO_ADDRESS)


async def begin(tx: Transaction, user_id: str) -> str | None:
    """Creates a link and returns its secret; earlier links stop working. None for an address that is verified."""
    token = tokens.new()
    begun = await tx.fetch_value(
        "users.add_email_verification", user_id=user_id, token_hash=tokens.digest(token), days=LINK_DAYS
    )
    return None if begun is None else token


async def find(tx: Transaction, token: str) -> str:
    """The address of a link; NotFound where it is used or expired. Needs the worker role."""
    email: str | None = await tx.fetch_value("users.find_email_verification", token_hash=tokens.digest(token))
    if email is None:
        raise NotFound(_USED_OR_OLD)
    return email


async def confirm(tx: Transaction, token: str) -> None:
    """Verifies the address of a link, once; NotFound where it is used or expired. Needs the worker role."""
    user_id = await tx.fetch_value("users.confirm_email", token_hash=tokens.digest(token))
    if user_id is None:
        raise NotFound(_USED_OR_OLD)
    log.info("user.address_verified", user_id=user_id)
