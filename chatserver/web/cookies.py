"""Cookies with the strictest attributes that the scheme allows: `__Host-` and Secure over TLS, HttpOnly, SameSite=Lax."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatserver.config import Config

# Where the cookies of a request are kept in its scope, once they are parsed.
_PARSED = "chatserver.cookies"


def full_name(config: Config, name: str) -> str:
    """The cookie's name on the wire. With `__Host-` no other host and no plain connection can set it."""
    return f"__Host-{name}" if config.secure else name


def read(connection: HTTPConnection, config: Config, name: str) -> str | None:
    """The cookie's value, or None."""
    return read_plain(connection, full_name(config, name))


def read_plain(connection: HTTPConnection, name: str) -> str | None:
    """The value of a cookie that our scripts write, under its name as it is on the wire; or None."""
    scope = connection.scope
    if _PARSED not in scope:
        # Over HTTP/2 each cookie may be a header of its own, and a proxy may leave them so.
        scope[_PARSED] = _parse(";".join(connection.headers.getlist("cookie")))
    found: dict[str, str] = scope[_PARSED]
    return found.get(name)


def _parse(header: str) -> dict[str, str]:
    """As they are written, the last of several with one name: none of ours has quotes or escapes. Starlette undoes those
    with the standard library, which takes seconds for 32 kB of backslashes before Python 3.12.6 and 3.11.10."""
    pairs = (pair.partition("=") for pair in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def write(response: Response, config: Config, name: str, value: str, *, seconds: int | None = None) -> None:
    """Sets a cookie for `seconds`, or until the browser closes."""
    response.set_cookie(
        full_name(config, name), value, max_age=seconds, path="/", secure=config.secure, httponly=True, samesite="lax"
    )


def clear(response: Response, config: Config, name: str) -> None:
    """Deletes a cookie."""
    response.delete_cookie(full_name(config, name), path="/", secure=config.secure, httponly=True, samesite="lax")
