"""What every payment gateway has: a page where people pay, an answer about it, refunds, and signed reports."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from chatserver.errors import ChatserverError
from chatserver.payments.models import GatewayAnswer, GatewayPage, GatewayReport, PlanOrder

_ID = re.compile(r"[A-Za-z0-9_]{1,255}")


class BadSignature(ChatserverError):
    """This report is not signed by the payment service."""

    code = "bad-signature"
    status = 400


class Gateway(Protocol):
    """One payment service. Its calls have a deadline and raise GatewayFailed; they may all be repeated."""

    name: str
    label: str

    async def open_page(self, order: PlanOrder, origin: str) -> GatewayPage:
        """The page where an order is paid; the same one for the same order."""
        ...

    async def fetch_status(self, order: PlanOrder) -> GatewayAnswer:
        """How an order that has a page stands."""
        ...

    async def refund(self, order: PlanOrder, amount: int, key: str) -> None:
        """Gives money back; with the same key once."""
        ...

    async def verify_keys(self) -> None:
        """Raises GatewayFailed where the keys are not accepted."""
        ...

    async def may_read_disputes(self) -> bool:
        """Whether the keys may read disputes, without which one that is lost is found only by its report."""
        ...

    def read_report(self, headers: Mapping[str, str], body: bytes) -> GatewayReport:
        """A report of the gateway. Raises BadSignature unless it is signed for us, within its time."""
        ...

    def is_return_signed(self, order: PlanOrder, query: Mapping[str, str], /) -> bool:
        """Whether the address that a person comes back to is the gateway's and of their order, as far as it signs it."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object of a signed report, empty for other JSON. Raises BadSignature for what is none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadSignature("This report is not JSON.") from None
    return found if isinstance(found, dict) else {}


def known_ids(values: Iterable[object]) -> tuple[str, ...]:
    """Those of the values that may be ids of a gateway: nothing else is looked up."""
    return tuple(value for value in values if isinstance(value, str) and _ID.fullmatch(value))


def signature_of(secret: str, signed: bytes) -> str:
    """The HMAC-SHA256 of a text, in hexadecimal digits."""
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def is_signed(secrets: Sequence[str], signed: bytes, shown: Sequence[str]) -> bool:
    """Whether one of the shown signatures is by one of the secrets; each pair is compared in constant time."""
    expected = [signature_of(secret, signed) for secret in secrets if secret]
    pairs = [(one.encode(), other.encode()) for one in expected for other in shown]
    return any(hmac.compare_digest(one, other) for one, other in pairs)
