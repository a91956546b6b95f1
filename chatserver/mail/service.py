"""The mail queue. Requests only add to it, in the same steps whether an account exists or not; `sender` does the rest."""

from collections.abc import Sequence

from chatserver import ids, users
from chatserver.config import Config
from chatserver.database import Database, Transaction
from chatserver.errors import Invalid, NotAllowed, RateLimited
from chatserver.identity import addresses
from chatserver.text import normalization
from chatserver.users import attempt_limits, email_addresses, email_verification
from chatserver.users.attempt_limits import AttemptCount, AttemptLimit
from chatserver.users.authentication import CredentialIssuer, PasswordCheck
from chatserver.users.models import Secret, Visitor

# A link that was asked for again and again makes the earlier ones useless: strangers must not do that for long.
OF_PERSON = AttemptLimit("forgot", free=3, window=3600, first_wait=300, longest_wait=3600)
OF_NETWORK = AttemptLimit("forgot-address", free=10, window=3600, first_wait=60, longest_wait=3600)
VERIFICATIONS = AttemptLimit("verify-email", free=3, window=3600, first_wait=300, longest_wait=3600)
VERIFICATIONS_OF_NETWORK = AttemptLimit("verify-email-address", free=30, window=3600, first_wait=60, longest_wait=3600)

# How long an e-mail is tried. Whoever waits for a link has given up by then.
LONGEST_SECONDS = 1800.0
# What became of a payment is worth knowing the day after, too.
LONGEST_SECONDS_OF_PAYMENTS = 86_400.0
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


async def tell_of_payment(tx: Transaction, address: str, words: str, path: str) -> None:
    """Queues an e-mail that tells somebody what has become of their payment; `path` is that of the order's page."""
    await tx.execute("mail.add_words", id=ids.new(), kind="payment", address=address, words=f"{words}\n{path}")


async def sweep(tx: Transaction) -> None:
    """Deletes what no sender has given up in its time: SMTP_URL was taken out while it waited. Needs the worker role."""
    await tx.execute("mail.sweep", longest=LONGEST_SECONDS, patient=LONGEST_SECONDS_OF_PAYMENTS)


async def ask_for_reset(database: Database, email: str, visitor: Visitor) -> None:
    """Asks for a link for a new password, for whoever has an account with this address.

    Invalid for what is no address; RateLimited by network and by address. Both say nothing of whether there is an account.
    """
    address = normalization.email(email)
    if not email_addresses.is_valid(address):
        raise Invalid.field("email", "must be an e-mail address")
    counts = (
        AttemptCount(OF_NETWORK, addresses.subnet_of(visitor.address)),
        AttemptCount(OF_PERSON, normalization.email_key(address)),
    )
    await _ask(database, "reset", address, counts)


async def ask_for_verification(database: Database, user_id: str, visitor: Visitor) -> None:
    """Asks for a link by which somebody verifies the address of their account. RateLimited by network and by address;
    NotAllowed for a guest who gave a name only."""
    user = await database.run_system(users.get, user_id)
    if user.is_by_name:
        raise NotAllowed("This account has no e-mail address yet.")
    counts = (
        AttemptCount(VERIFICATIONS_OF_NETWORK, addresses.subnet_of(visitor.address)),
        AttemptCount(VERIFICATIONS, normalization.email_key(user.email)),
    )
    await _ask(database, "verification", user.email, counts)


async def _ask(database: Database, kind: str, address: str, counts: Sequence[AttemptCount]) -> None:
    """Queues an e-mail, unless one must wait first. What is refused is counted all the same: hence two steps."""
    refusal = await database.run_system(_count_and_add, kind, address, counts)
    if refusal is not None:
        raise refusal


async def _count_and_add(
    tx: Transaction, kind: str, address: str, counts: Sequence[AttemptCount]
) -> RateLimited | None:
    refusal = await attempt_limits.count_attempts(tx, counts)
    if refusal is None:
        await _add(tx, kind, address)
    return refusal


async def _add(tx: Transaction, kind: str, address: str) -> None:
    await tx.execute("mail.add", id=ids.new(), kind=kind, address=address)


def with_verification(config: Config, issuer: CredentialIssuer) -> CredentialIssuer:
    """An issuer that also queues the link for an address that is to be verified, in the same transaction.

    For sign-up and for forms by which one signs up or in: it sends no more than the settings page would.
    """

    async def issue(tx: Transaction, checked: PasswordCheck) -> Secret:
        secret, user = await issuer(tx, checked), checked.user
        address = await email_verification.status(tx, user.id)
        if not address.may_have_free_sessions and address.has_address:
            count = AttemptCount(VERIFICATIONS, normalization.email_key(user.email))
            await _count_and_add(tx, "verification", user.email, [count])
        return secret

    return issue if config.smtp_url else issuer


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("mail.bring_forward", seconds=seconds)
