"""Cookies with the strictest attributes that the scheme allows: `__Host-` and Secure over TLS, HttpOnly, SameSite=Lax."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatserver.config import Config


def full_name(config: Config, name: str) -> str:
    """The cookie's name on the wire. With `__Host-` no other host and no plain connection can set it."""
    return f"__Host-{name}" if config.secure else name


def read(connection: HTTPConnection, config: Config, name: str) -> str | None:
    """The cookie's value, or None."""
    return connection.cookies.get(full_name(config, name))


def write(response: Response, config: Config, name: str, value: str, *, seconds: int | None = None) -> None:
    """Sets a cookie for `seconds`, or until the browser closes."""
    response.set_cookie(
        full_name(config, name), value, max_age=seconds, path="/", secure=config.secure, httponly=True, samesite="lax"
    )


def clear(response: Response, config: Config, name: str) -> None:
    """Deletes a cookie."""
    response.delete_cookie(full_name(config, name), path="/", secure=config.secure, httponly=True, samesite="lax")
