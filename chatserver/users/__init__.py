"""People: accounts, passwords, sign-ins, API tokens. Passwords are proved in `entry`; the rest are plain verbs."""

from chatserver.users.api_tokens import create_token, list_tokens, revoke_token, revoke_tokens
from chatserver.users.authenticate import identify, visitor
from chatserver.users.entry import Application, add, sign_in, sign_up, with_a_sign_in, with_a_token
from chatserver.users.events import SignInsEnded
from chatserver.users.models import (
    ApiToken,
    Arrival,
    Listed,
    Preferences,
    Role,
    Secret,
    Settings,
    SignIn,
    User,
    Visitor,
)
from chatserver.users.operators import ban, find, list_users, set_role, unban
from chatserver.users.renewal import begin_reset, change_password, find_reset, reset_password
from chatserver.users.service import (
    get,
    is_active,
    preferences,
    rename,
    save_preferences,
    settings,
    spell_addresses,
    sweep,
)
from chatserver.users.sign_ins import end_other_sign_ins, end_sign_in, leave, list_sign_ins, standing

__all__ = [
    "ApiToken",
    "Application",
    "Arrival",
    "Listed",
    "Preferences",
    "Role",
    "Secret",
    "Settings",
    "SignIn",
    "SignInsEnded",
    "User",
    "Visitor",
    "add",
    "ban",
    "begin_reset",
    "change_password",
    "create_token",
    "end_other_sign_ins",
    "end_sign_in",
    "find",
    "find_reset",
    "get",
    "identify",
    "is_active",
    "leave",
    "list_sign_ins",
    "list_tokens",
    "list_users",
    "preferences",
    "rename",
    "reset_password",
    "revoke_token",
    "revoke_tokens",
    "save_preferences",
    "set_role",
    "settings",
    "sign_in",
    "sign_up",
    "spell_addresses",
    "standing",
    "sweep",
    "unban",
    "visitor",
    "with_a_sign_in",
    "with_a_token",
]
