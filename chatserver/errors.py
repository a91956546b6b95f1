"""The tree of errors. Raised anywhere, sent to clients as `{"error": {…}}` (docs/protocol.md).

    ChatserverError                 internal             500
    ├── Malformed                   malformed            400
    ├── Invalid                     invalid              422
    ├── TooLarge                    too-large            413
    ├── NotSignedIn                 not-signed-in        401
    │   └── BadCredentials          bad-credentials      401
    ├── NotAllowed                  not-allowed          403
    │   ├── AddressNotVerified      address-not-verified 403
    │   ├── PlanTooSmall            plan-too-small       403
    │   ├── GuestsMayNot            guests-may-not       403
    │   ├── PromptNotAllowed        prompt-not-allowed   403
    │   └── SignUpClosed            sign-up-closed       403
    ├── NotFound                    not-found            404
    ├── Conflict                    conflict             409
    │   └── SessionExpired          session-expired      409
    ├── CreditsExhausted            credits-exhausted    429
    ├── RateLimited                 rate-limited         429
    │   ├── TooManySessions         too-many-sessions    429
    │   ├── FreeSessionsUsedUp      free-sessions-used-up 429
    │   └── TooManyWaiting          too-many-waiting     429
    ├── Busy                        busy                 503
    ├── GatewayFailed               gateway-failed       502
    ├── NothingMade                 nothing-made         502   (openai_api: every picture of a request failed)
    ├── ProviderError               provider-error       502   (temporary: worth another try)
    │   ├── ProviderRateLimited     provider-rate-limited
    │   ├── ProviderDown            provider-down
    │   ├── TimedOut                timed-out
    │   ├── BadBytes                bad-bytes
    │   │   └── NotAsOrdered        not-as-ordered          (never retried)
    │   ├── ModelLoadingTooLong     model-loading-too-long
    │   ├── Truncated               truncated
    │   ├── NoWords                 no-words
    │   ├── Refused                 refused                 (never retried)
    │   │   └── BlackedOut          blacked-out
    │   └── InvalidToken, NoPermission, ProviderCreditsUsedUp, ModelGone, WrongAddress, BadParameters, SourceGone,
    │       SimulatedFailure        never retried
    ├── StorageError                storage-error        503
    └── ConfigurationError          configuration        –     (stops the start with one line)

The docstring of a leaf is its public sentence; nothing in it may carry a secret or another person's words.
"""

import math
from typing import Any, ClassVar, Self


class ChatserverError(Exception):
    """Something went wrong on our side. Please try again; the code helps the operator to find out why."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(
        self, message: str | None = None, *, retry_after: float | None = None, details: dict[str, Any] | None = None
    ) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.retry_after = retry_after
        self.details = details or {}
        super().__init__(self.message)

    @classmethod
    def field(cls, field: str, why: str) -> Self:
        """`why` completes the sentence "`field` …"; the field is named in details for programs."""
        return cls(f"{field} {why}.", details={"field": field, "why": why})

    def as_dict(self) -> dict[str, Any]:
        """The `error` object of the protocol: code, message, and retry_after (seconds) and details where known."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.retry_after is not None:
            # Rounded up to tenths: a client that retries a moment early is refused again, and in the end for flooding.
            error["retry_after"] = math.ceil(round(self.retry_after * 10, 3)) / 10
        if self.details:
            error["details"] = self.details
        return error


class Superseded(Exception):
    """What a transaction was to change has been changed by another one. It is no fault, and no client is told of it."""


class Malformed(ChatserverError):
    """That could not be read: it is not what this address takes."""

    code = "malformed"
    status = 400


class Invalid(ChatserverError):
    """One of the fields is not valid."""

    code = "invalid"
    status = 422


class TooLarge(ChatserverError):
    """That is larger than this server takes."""

    code = "too-large"
    status = 413


class NotSignedIn(ChatserverError):
    """Please sign in first."""

    code = "not-signed-in"
    status = 401


class BadCredentials(NotSignedIn):
    """The e-mail address or the password is not right."""

    code = "bad-credentials"


class NotAllowed(ChatserverError):
    """You may not do that here."""

    code = "not-allowed"
    status = 403


class AddressNotVerified(NotAllowed):
    """Free sessions are for people with a verified e-mail address. Open the link that was sent to yours, or ask for another
    one in the settings."""

    code = "address-not-verified"


class PlanTooSmall(NotAllowed):
    """This session's plan does not reach that far."""

    code = "plan-too-small"


class GuestsMayNot(NotAllowed):
    """The owner of this session has not allowed guests to generate."""

    code = "guests-may-not"


class PromptNotAllowed(NotAllowed):
    """The operator of this site does not allow this prompt. No credit was used; please put it in other words."""

    code = "prompt-not-allowed"


class SignUpClosed(NotAllowed):
    """New accounts are not open here. Ask the operator for an invitation."""

    code = "sign-up-closed"


class NotFound(ChatserverError):
    """There is nothing here, or it is not yours to see."""

    code = "not-found"
    status = 404


class Conflict(ChatserverError):
    """That does not fit what is already there."""

    code = "conflict"
    status = 409


class SessionExpired(Conflict):
    """This session's time is up. Everything in it stays readable; buy more time to go on."""

    code = "session-expired"


class CreditsExhausted(ChatserverError):
    """No credits are left this hour."""

    code = "credits-exhausted"
    status = 429


class RateLimited(ChatserverError):
    """That was too much at once. Please wait a moment."""

    code = "rate-limited"
    status = 429


class TooManySessions(RateLimited):
    """You have as many open sessions as one person may have. The next can begin when one of them ends."""

    code = "too-many-sessions"


class FreeSessionsUsedUp(RateLimited):
    """You have had as many free sessions as one person may have in a day."""

    code = "free-sessions-used-up"


class TooManyWaiting(RateLimited):
    """As many of your pictures are waiting already as one person may have. Ask for more when some of them are done."""

    code = "too-many-waiting"


class Busy(ChatserverError):
    """The server is busy. Nothing was lost; please try again in a moment."""

    code = "busy"
    status = 503


class ProviderError(ChatserverError):
    """The picture service answered with an error that we do not know."""

    code = "provider-error"
    status = 502
    temporary: ClassVar[bool] = True

    # The service's own message and its status, for the log and for retries; people are shown `message` only.
    service_message: str = ""
    service_status: int | None = None


class ProviderRateLimited(ProviderError):
    """The picture service asks us to wait."""

    code = "provider-rate-limited"


class ProviderDown(ProviderError):
    """The picture service cannot be reached right now."""

    code = "provider-down"


class TimedOut(ProviderError):
    """It took longer than we allow."""

    code = "timed-out"


class ModelLoadingTooLong(ProviderError):
    """The model took too long to load."""

    code = "model-loading-too-long"


class BadBytes(ProviderError):
    """What came back was broken or not a picture."""

    code = "bad-bytes"


class NotAsOrdered(BadBytes):
    """What came back is not of the size that was ordered. Try another size; if it goes on, tell the operator."""

    code = "not-as-ordered"
    temporary = False


class Truncated(ProviderError):
    """The answer stopped before its end."""

    code = "truncated"


class NoWords(ProviderError):
    """The assistant ended its answer without a word. Please ask again, or in other words."""

    code = "no-words"


class InvalidToken(ProviderError):
    """The picture service did not accept this server's token. The operator has to set a valid one (it starts with hf_)."""

    code = "invalid-token"
    temporary = False


class NoPermission(ProviderError):
    """This server's token may not make pictures. The operator has to allow inference for it."""

    code = "no-permission"
    temporary = False


class ProviderCreditsUsedUp(ProviderError):
    """The operator's credits at the picture service are used up for now."""

    code = "provider-credits-used-up"
    temporary = False


class ModelGone(ProviderError):
    """The picture service no longer serves this model. The operator has to choose another one."""

    code = "model-gone"
    temporary = False


class WrongAddress(ProviderError):
    """The address that the operator has set does not speak the protocol that it should."""

    code = "wrong-address"
    temporary = False


class Refused(ProviderError):
    """The picture service refused this prompt. Please put it in other words."""

    code = "refused"
    temporary = False


class BlackedOut(Refused):
    """The safety check of the picture service blacked this out. It costs no credit; please put it in other words."""

    code = "blacked-out"


class BadParameters(ProviderError):
    """The picture service does not take these settings. Please change the size or the details."""

    code = "bad-parameters"
    temporary = False


class SourceGone(ProviderError):
    """The picture that this one was to be made of was deleted meanwhile."""

    code = "source-gone"
    temporary = False


class SimulatedFailure(ProviderError):
    """This failure is a drill: the operator has told the built-in painter to fail (SKETCH_FAIL)."""

    code = "drill"
    temporary = False


class GatewayFailed(ChatserverError):
    """The payment service did not answer as it should. Please try again in a minute."""

    code = "gateway-failed"
    status = 502


class NothingMade(ChatserverError):
    """There is no picture: what was asked for was cancelled, or the pictures are deleted or hidden."""

    code = "nothing-made"
    status = 502


class StorageError(ChatserverError):
    """The file store cannot be reached right now."""

    code = "storage-error"
    status = 503

    def __init__(self, message: str | None = None, *, cause: str = "", mend: str = "") -> None:
        """`cause` and `mend` are sentences for the operator: for the log and the doctor, never for a page."""
        super().__init__(message)
        self.cause, self.mend = cause, mend


class ConfigurationError(ChatserverError):
    """The configuration is wrong."""

    code = "configuration"
