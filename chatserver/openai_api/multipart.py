"""Reads the forms of OpenAI's images API: fields and files, whatever their order and the boundary between them."""

import hashlib
from typing import NamedTuple

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from chatserver.api.endpoint import from_texts
from chatserver.errors import Invalid, Malformed, TooLarge
from chatserver.openai_api.requests import EditImages
from chatserver.runtime import redaction
from chatserver.web import forms
from chatserver.web.body_limits import MAX_MASK_BYTES, MAX_UPLOAD_BYTES

# The fields of the API and ours, and its files (16 pictures, a mask, a markup), so that who sends more is told which.
_MOST_FIELDS, _MOST_FILES = 40, 18
_LONGEST_NAME = 60
_FILES = {"image": MAX_UPLOAD_BYTES, "mask": MAX_MASK_BYTES}


class SentFile(NamedTuple):
    """A file of a form, and what it was called."""

    name: str
    data: bytes

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.data).digest()


class SentEdit(NamedTuple):
    """A request for a change of a picture, with its files."""

    wanted: EditImages
    image: SentFile
    mask: SentFile | None


async def read_edit(request: Request) -> SentEdit:
    """The form of `POST /images/edits`. Raises Malformed, Invalid and TooLarge, with the field."""
    form = await forms.read_parts(request, max_files=_MOST_FILES, max_fields=_MOST_FIELDS)
    try:
        texts, files = await _parts(form)
    finally:
        await form.close()
    hashes = {name: file.sha256.hex() for name, file in files.items()}
    wanted = from_texts({**texts, **hashes}, EditImages)
    return SentEdit(wanted, files["image"], files.get("mask"))


async def _parts(form: FormData) -> tuple[dict[str, str], dict[str, SentFile]]:
    texts: dict[str, str] = {}
    files: dict[str, SentFile] = {}
    for written, value in form.multi_items():
        name = "image" if written == "image[]" else redaction.printable(redaction.cut(written, _LONGEST_NAME))
        if name in texts or name in files:
            raise _given_twice(name)
        if name in _FILES or isinstance(value, UploadFile):
            files[name] = await _file(name, value)
        elif value:
            texts[name] = value
    return texts, files


def _given_twice(name: str) -> Invalid | Malformed:
    if name == "image":
        return Invalid.field(name, "must be one picture: several are not taken together here")
    return Malformed.field(name, "is given twice")


async def _file(name: str, value: UploadFile | str) -> SentFile:
    if name not in _FILES:
        raise Invalid.field(name, "is no file that is taken here")
    if isinstance(value, str):
        raise Invalid.field(name, "must be a file")
    data = await value.read()
    if len(data) > _FILES[name]:
        raise TooLarge.field(name, f"must be at most {_FILES[name] // 1024**2} MB")
    return SentFile(value.filename or "", data)
