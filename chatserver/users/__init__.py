"""Users: accounts, passwords, sign-ins, API tokens. `authentication` checks passwords, `request_identity` credentials."""

from chatserver.users.admin import ban, find, list_users, set_role, unban
from chatserver.users.api_tokens import create_token, list_tokens, revoke_token, revoke_tokens
from chatserver.users.authentication import (
    Registration,
    add,
    sign_in,
    sign_in_issuer,
    sign_up,
    sign_up_or_in,
    token_issuer,
)
from chatserver.users.deletion import close, remove
from chatserver.users.events import SignInsEnded
from chatserver.users.models import (
    AccountSummary,
    ApiToken,
    Preferences,
    Role,
    Secret,
    Settings,
    SignedIn,
    SignIn,
    User,
    Visitor,
)
from chatserver.users.password_reset import begin_reset, change_password, find_reset, reset_password
from chatserver.users.request_identity import identify, visitor
from chatserver.users.service import (
    get,
    is_active,
    preferences,
    rename,
    save_preferences,
    set_missing_email_keys,
    settings,
    sweep,
)
from chatserver.users.sign_ins import end_other_sign_ins, end_sign_in, list_sign_ins, sign_out, valid_credentials

__all__ = [
    "AccountSummary",
    "ApiToken",
    "Preferences",
    "Registration",
    "Role",
    "Secret",
    "Settings",
    "SignIn",
    "SignInsEnded",
    "SignedIn",
    "User",
    "Visitor",
    "add",
    "ban",
    "begin_reset",
    "change_password",
    "close",
    "create_token",
    "end_other_sign_ins",
    "end_sign_in",
    "find",
    "find_reset",
    "get",
    "identify",
    "is_active",
    "list_sign_ins",
    "list_tokens",
    "list_users",
    "preferences",
    "remove",
    "rename",
    "reset_password",
    "revoke_token",
    "revoke_tokens",
    "save_preferences",
    "set_missing_email_keys",
    "set_role",
    "settings",
    "sign_in",
    "sign_in_issuer",
    "sign_out",
    "sign_up",
    "sign_up_or_in",
    "sweep",
    "token_issuer",
    "unban",
    "valid_credentials",
    "visitor",
]
