"""Content-Disposition headers (RFC 6266) with file names that are safe for every browser and system."""

import re
import unicodedata
from typing import Literal
from urllib.parse import quote

LONGEST = 150
# What separates folders, ends a header, or means something to a shell or to Windows.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*;%\u0080-\u009f\u2028\u2029]+')


def content_disposition(kind: Literal["inline", "attachment"], filename: str) -> str:
    """The header's value, with `filename*` where the name has characters beyond ASCII."""
    name = safe_name(filename)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip(" .") or "file"
    value = f'{kind}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


def safe_name(filename: str) -> str:
    """The name without path separators, control, invisible and otherwise special characters."""
    visible = "".join(each for each in filename if unicodedata.category(each) not in {"Cf", "Cs", "Co", "Cn"})
    return _UNSAFE.sub("-", visible).strip(" .-")[-LONGEST:].lstrip(" .-") or "file"
