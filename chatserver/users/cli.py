"""`chatserver users …`: the operator's commands for accounts. Each runs one verb and prints its result.

The first account of a new installation is an ordinary member: the operator becomes an admin by `make-admin`.
"""

import secrets

import click

from chatserver import audit, users
from chatserver import config as configuration
from chatserver.admin import people
from chatserver.audit import COMMAND_LINE
from chatserver.database import Transaction, command_line
from chatserver.runtime import event_loop, tables
from chatserver.runtime.command_groups import CommandGroup
from chatserver.users import display_names, email_addresses, passwords
from chatserver.users.models import AccountSummary, ApiToken, User
from chatserver.users.password_reset import RESET_MINUTES

group = CommandGroup()
_email = click.argument("email", help="The address of the account.")


@group.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="So many, the newest.")
def list_users(limit: int) -> None:
    """List the accounts, newest first."""
    columns = ("e-mail", "name", "role", "status", "sessions", "since", "last seen")
    tables.show(columns, [_row(one) for one in command_line.run(users.list_users, limit=limit)])


def _row(one: AccountSummary) -> tuple[str, ...]:
    seen = f"{one.last_seen_at:%Y-%m-%d %H:%M}" if one.last_seen_at else "–"
    return one.email, one.name, one.role, one.status, str(one.sessions), f"{one.created_at:%Y-%m-%d}", seen


@group.command()
@_email
@click.option("--name", default="", help="The name that others see.")
@click.option(
    "--password",
    default="",
    envvar="CHATSERVER_PASSWORD",
    show_envvar=True,
    help="The password; made and printed when absent.",
)
def add(email: str, name: str, password: str) -> None:
    """Add an account, whatever SIGN_UP says."""
    address = email_addresses.check(email)
    shown = display_names.check_site(
        display_names.check(name or display_names.suggested(address) or "Member"), configuration.load().site_name
    )
    chosen = passwords.check(password or secrets.token_urlsafe(12), email=address, name=shown)
    user = command_line.run(_add, address, shown, event_loop.run(passwords.hashed(chosen)))
    print(f"Added {user.email}." if password else f"Added {user.email} with the password {chosen}")


@group.command("make-admin")
@_email
def make_admin(email: str) -> None:
    """Make an account an admin."""
    print(f"{command_line.run(_set_role, email, 'admin').email} is an admin now.")


@group.command("make-member")
@_email
def make_member(email: str) -> None:
    """Make an admin a member again."""
    print(f"{command_line.run(_set_role, email, 'member').email} is a member now.")


@group.command()
@_email
def reset(email: str) -> None:
    """Print a link with which a new password can be set, once and for a quarter of an hour."""
    token = command_line.run(_begin_reset, email)
    print(f"{configuration.load().origin}/reset/{token}")
    print(f"It works once, for {RESET_MINUTES} minutes. Only its owner should have it.")


@group.command()
@_email
@click.option("--reason", default="", help="Why, for the audit log; they read it when they try to sign in.")
def ban(email: str, reason: str) -> None:
    """Ban an account: it is signed out everywhere and its tokens stop working. Its messages and files stay."""
    print(f"{command_line.run(_ban, email, reason).email} is banned.")


@group.command()
@_email
def unban(email: str) -> None:
    """Lift a ban."""
    print(f"{command_line.run(_unban, email).email} may sign in again.")


@group.command()
@_email
@click.option("--revoke", is_flag=True, help="Revoke all of them.")
def tokens(email: str, revoke: bool) -> None:
    """List the API tokens of an account, or revoke them all."""
    rows = []
    for token in command_line.run(_tokens, email, revoke):
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
        rows.append((token.name or "–", f"{token.created_at:%Y-%m-%d}", used))
    tables.show(("name", "made", "last used"), rows)


async def _add(tx: Transaction, address: str, name: str, password_hash: str) -> User:
    user = await users.add(tx, address, name, password_hash)
    await audit.record(tx, COMMAND_LINE, "user.added", "user", user.id, subject_id=user.id)
    return user


async def _set_role(tx: Transaction, email: str, role: users.Role) -> User:
    user = await users.find(tx, email)
    await people.set_role(tx, COMMAND_LINE, user.id, role)
    return user


async def _begin_reset(tx: Transaction, email: str) -> str:
    return await people.begin_reset(tx, COMMAND_LINE, (await users.find(tx, email)).id)


async def _ban(tx: Transaction, email: str, reason: str) -> User:
    user = await users.find(tx, email)
    await people.ban(tx, COMMAND_LINE, user.id, reason)
    return user


async def _unban(tx: Transaction, email: str) -> User:
    user = await users.find(tx, email)
    await people.unban(tx, COMMAND_LINE, user.id)
    return user


async def _tokens(tx: Transaction, email: str, revoke: bool) -> list[ApiToken]:
    user = await users.find(tx, email)
    if revoke:
        await people.revoke_tokens(tx, COMMAND_LINE, user.id)
    return await users.list_tokens(tx, user.id)
