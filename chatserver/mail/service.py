"""The mail queue. Requests only add to it, in the same steps whether an account exists or not; `sender` does the rest."""

from chatserver import ids
from chatserver.database import Transaction
from chatserver.errors import Invalid
from chatserver.identity import addresses
from chatserver.text import normalization
from chatserver.users import email_addresses, sign_in_throttling
from chatserver.users.models import Visitor
from chatserver.users.sign_in_throttling import AttemptLimit

# A link that was asked for again and again makes the earlier ones useless: strangers must not do that for long.
OF_PERSON = AttemptLimit("forgot", free=3, window=3600, first_wait=300, longest_wait=3600)
OF_NETWORK = AttemptLimit("forgot-address", free=10, window=3600, first_wait=60, longest_wait=3600)


# An alarm of one kind is sent at most once in this time.
ALARM_PAUSE_SECONDS = 3600.0


async def raise_alarm(tx: Transaction, kind: str, address: str, words: str) -> bool:
    """Queues an alarm to the operator, which says `words`; False where one of this kind was raised within the hour.

    `kind` names what is wrong, such as `storage` or `provider sketch`. Needs the worker role.
    """
    raised = await tx.fetch_value(
        "mail.raise_alarm", id=ids.new(), kind=kind, address=address, words=words, pause=ALARM_PAUSE_SECONDS
    )
    return raised is not None


async def ask_for_reset(tx: Transaction, email: str, visitor: Visitor) -> None:
    """Asks for a link for a new password, for whoever has an account with this address. Needs the worker role.

    Invalid for what is no address; RateLimited by network and by address. Both say nothing of whether there is an account.
    """
    address = normalization.email(email)
    if not email_addresses.is_valid(address):
        raise Invalid.field("email", "must be an e-mail address")
    await sign_in_throttling.require_attempt(tx, OF_NETWORK, addresses.subnet_of(visitor.address))
    await sign_in_throttling.require_attempt(tx, OF_PERSON, normalization.email_key(address))
    await tx.execute("mail.add", id=ids.new(), kind="reset", address=address)
