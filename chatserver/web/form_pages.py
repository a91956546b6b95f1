"""Responses to forms: the page again, with the input and the errors."""

import math
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chatserver.errors import ChatserverError
from chatserver.web import templating
from chatserver.web.forms import Form


def page(request: Request, template: str, context: Mapping[str, Any], error: ChatserverError | None = None) -> Response:
    """A page with a form, with the status and Retry-After of an error. Never cached: it may show a secret."""
    response = templating.render(request, template, context, error.status if error else 200)
    response.headers["Cache-Control"] = "no-store"
    if error is not None and error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def refuse(form: Form, error: ChatserverError, shown_at: Mapping[str, str] | None = None) -> Form:
    """Adds an error to its field of the form; `shown_at` maps fields of the error to fields of the form."""
    field = error.details.get("field", "")
    field = (shown_at or {}).get(field, field)
    if field not in form.values:
        return form.with_error(error)
    why = error.details.get("why")
    form.errors[field] = f"{why[0].upper()}{why[1:]}." if why else error.message
    return form
