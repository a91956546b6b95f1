"""HTML forms: parsed within limits, their CSRF token checked, errors shown beside the fields; and one-time notices.

    form = await forms.read(request)
    try:
        user = await state.database.run_system(users.sign_up, form.text("email"), …)
    except ChatserverError as error:
        return templating.render(request, "users/sign_up.html", {"form": form.with_error(error)}, error.status)
    return forms.redirect(request, "/sessions", notice="Welcome!")

A page that shows an empty form gives its template `{"form": forms.Form()}`.
"""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chatserver.api import decoding
from chatserver.errors import ChatserverError, Malformed, TooLarge
from chatserver.web import cookies, csrf
from chatserver.web.body_limits import MAX_UPLOAD_BYTES, UPLOADS
from chatserver.web.site import Site, site_of

# Our longest form is a name, a password and a title: a few hundred bytes.
MAX_BYTES = 64 * 1024
NOTICE_COOKIE = "notice"
# A notice is for the page that follows immediately.
NOTICE_SECONDS = 60


class Form:
    """The values of a form and what is wrong with them: `errors` by field, `message` for the whole."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = dict(values or {})
        self.errors: dict[str, str] = {}
        self.message = ""

    def text(self, name: str) -> str:
        """A field as typed, without the spaces around it; empty where it is missing."""
        return self.values.get(name, "").strip()

    def raw(self, name: str) -> str:
        """A field exactly as typed, for passwords."""
        return self.values.get(name, "")

    def flag(self, name: str) -> bool:
        """Whether a checkbox is ticked."""
        return name in self.values

    def error(self, name: str) -> str:
        """The error of a field, or an empty text."""
        return self.errors.get(name, "")

    @property
    def first_error(self) -> str:
        """The name of the first field with an error, which has the focus when the page is shown; empty where none has."""
        return next(iter(self.errors), "")

    def with_error(self, error: ChatserverError) -> "Form":
        """The form with an error beside the field that it names, otherwise above the form."""
        field = error.details.get("field")
        if field in self.values:
            self.errors[field] = error.message
        else:
            self.message = error.message
        return self


async def read(request: Request, *, most_bytes: int = MAX_BYTES) -> Form:
    """The urlencoded body of a form with a valid CSRF token. Raises Malformed, TooLarge or NotAllowed."""
    form = await parse(request, most_bytes)
    verify(request, form)
    return form


def verify(request: Request, form: Form) -> None:
    """Raises NotAllowed where the form was not rendered for its sender (CSRF)."""
    csrf.check(request, form.values.pop(csrf.FIELD, ""))


async def parse(request: Request, most_bytes: int = MAX_BYTES) -> Form:
    """The urlencoded body of a form whose token is not checked yet: nothing may be changed by it before `verify`.

    Raises Malformed or TooLarge.
    """
    if _media_type(request) != "application/x-www-form-urlencoded":
        raise Malformed("This address takes a form.")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most_bytes:
            raise TooLarge
    return Form(decoding.fields(bytes(data)))


def _media_type(request: Request) -> str:
    """The type of the body, without its parameters; case means nothing in it."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class _InMemory(MultiPartParser):
    """Keeps a file in memory: what people send to be looked at is never written anywhere."""

    spool_max_size = max(UPLOADS.values())


async def read_parts(request: Request, *, max_files: int, max_fields: int) -> FormData:
    """The texts and files of a multipart form, in their order; the caller closes it. Raises Malformed.

    `web.body_limits` bounds the whole of it for each address.
    """
    if _media_type(request) != "multipart/form-data":
        raise Malformed("This address takes a form with a file.")
    try:
        return await _InMemory(request.headers, request.stream(), max_files=max_files, max_fields=max_fields).parse()
    except (MultiPartException, UnicodeError):  # the latter from codecs that the sender may name, such as punycode
        raise Malformed("This form could not be read.") from None


async def read_upload(request: Request, name: str) -> bytes:
    """The file in one field of a form with a valid CSRF token; empty where none was chosen.

    Raises Malformed, TooLarge or NotAllowed.
    """
    form = await read_parts(request, max_files=1, max_fields=4)
    try:
        token, file = form.get(csrf.FIELD), form.get(name)
        csrf.check(request, token if isinstance(token, str) else "")
        data = await file.read(MAX_UPLOAD_BYTES + 1) if isinstance(file, UploadFile) else b""
    finally:
        await form.close()
    if len(data) > MAX_UPLOAD_BYTES:
        raise TooLarge
    return data


# Notices ----------------------------------------------------------------------------------------------------------


class Notice(msgspec.Struct, frozen=True):
    """One sentence for the next page: what was done, or why not. `at` is the id of the section that shows it; without
    one it stands at the top. `address` is the path and query of that page: other tabs of the browser, which may load a
    page before it, leave the notice alone."""

    text: str
    address: str
    kind: Literal["done", "problem"] = "done"
    at: str = ""


def redirect(
    request: Request, path: str, *, notice: str = "", kind: Literal["done", "problem"] = "done", at: str = ""
) -> Response:
    """Redirects (303) to one of our own pages after a form, with a notice to show there, in the section `at` if given."""
    path = local_path(path)
    response = RedirectResponse(path + (f"#{at}" if at else ""), status_code=303)
    if notice:
        _set_notice(request, response, Notice(notice, path, kind, at))
    return response


def local_path(path: str, otherwise: str = "/") -> str:
    """`path` where it is a path of this site, otherwise `otherwise`: prevents open redirects."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or any(ord(c) < 0x21 for c in path):
        return otherwise
    return path


def _set_notice(request: Request, response: Response, notice: Notice) -> None:
    """Stores a notice in a signed cookie until its page shows it."""
    site = site_of(request)
    value = _signer(site).dumps(msgspec.structs.astuple(notice))
    cookies.write(response, site.config, NOTICE_COOKIE, str(value), seconds=NOTICE_SECONDS)


def notice_of(request: Request) -> Notice | None:
    """The notice for this page, or None; not where a script of an open page asks for it, to bring itself up to date."""
    if request.headers.get("sec-fetch-mode", "navigate") != "navigate":
        return None
    site = site_of(request)
    value = cookies.read(request, site.config, NOTICE_COOKIE)
    if value is None:
        return None
    try:
        notice = msgspec.convert(dict(zip(Notice.__struct_fields__, _signer(site).loads(value), strict=True)), Notice)
    except (BadSignature, msgspec.ValidationError, ValueError, TypeError):
        return None
    return notice if _is_page(request, notice.address) else None


def _is_page(request: Request, address: str) -> bool:
    """Whether this is the page at the address; browsers may write the same one with other escapes."""
    here, there = request.url, urlsplit(address)
    return (unquote(here.path), unquote(here.query)) == (unquote(there.path), unquote(there.query))


def _signer(site: Site) -> URLSafeSerializer:
    return URLSafeSerializer(site.secret_key, salt="notice")
