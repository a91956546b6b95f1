"""The OpenAPI 3.1 document of the HTTP API, generated from the declarations of the endpoints and the error tree."""

import inspect
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from chatserver import __version__
from chatserver.api.endpoint import OPENAI_PATHS, Endpoint
from chatserver.errors import ChatserverError, ConfigurationError

Document = dict[str, Any]
REF = "#/components/schemas/{name}"
_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_PARAMETER = re.compile(r"{(\w+)}")
_DESCRIPTION = """\
Times are RFC 3339 in UTC, ids are time-ordered UUIDs. Sign in with `Authorization: Bearer <API token>`.
A command that carries a `client_id` may be sent again: the same one has one effect and one answer.
Answers may gain fields: ignore those that you do not know. A field of a body or query that is not described is an error."""


class ErrorDetail(msgspec.Struct):
    """What went wrong: a code for programs, a sentence for people, and when another try is worth it.

    `type` and `param` (the field) are OpenAI's words, in the answers of its API.
    """

    code: str
    message: str
    retry_after: float | msgspec.UnsetType = msgspec.UNSET
    details: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    type: str | msgspec.UnsetType = msgspec.UNSET
    param: str | msgspec.UnsetType | None = msgspec.UNSET


class ErrorAnswer(msgspec.Struct):
    """Every error, everywhere."""

    error: ErrorDetail


def openapi(endpoints: Sequence[Endpoint], origin: str) -> Document:
    """The document. `origin` is the scheme and host of the server."""
    types = [ErrorAnswer, *(kind for each in endpoints for kind in _types(each))]
    schemas, components = describe(types)
    by_type = dict(zip(types, schemas, strict=True))
    paths: Document = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.api_path, {})[endpoint.method.lower()] = _operation(endpoint, by_type, components)
    # Their fields are the parameters: nothing refers to them.
    for query in {endpoint.query.__name__ for endpoint in endpoints if endpoint.query is not None}:
        del components[query]
    return {
        "openapi": "3.1.0",
        "info": {"title": "chatserver", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": _error_responses(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "chatserver",
                    "description": "A browser's sign-in.",
                },
            },
        },
    }


def describe(types: Sequence[Any]) -> tuple[list[Document], Document]:
    """The JSON Schema of each type, and of all structs by name. Their descriptions are the docstrings, not indented."""
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    for schema in components.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
        if schema.get("type") == "object":
            _settle_defaults(schema)
    return list(schemas), components


def _settle_defaults(schema: Document) -> None:
    """Who reads a default cannot tell whether it is sent. What we send is whole, so it is required; what we take (it has
    no other fields) may be left out, which `null` as the default says twice: generated clients then ask for it."""
    is_taken = schema.get("additionalProperties") is False
    for name, shape in schema["properties"].items():
        if "default" not in shape:
            continue
        if not is_taken:
            schema["required"].append(name)
        if not is_taken or shape["default"] is None:
            del shape["default"]


def _types(endpoint: Endpoint) -> list[Any]:
    declared = (endpoint.body, endpoint.form, endpoint.query, endpoint.answer, *endpoint.also.values())
    return [kind for kind in declared if kind is not None]


def _operation(endpoint: Endpoint, by_type: dict[Any, Document], components: Document) -> Document:
    operation: Document = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.api_path.split("/")[3]],
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint, components)],
        "responses": {**_answers(endpoint, by_type), **_error_references(endpoint)},
        "security": _security(endpoint),
    }
    if endpoint.takes_file:
        operation["requestBody"] = {"required": True, "content": _FILE}
    if endpoint.form is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"multipart/form-data": {"schema": by_type[endpoint.form]}},
        }
    if endpoint.body is not None:
        content = {"application/json": {"schema": by_type[endpoint.body]}}
        # Nothing at all stands for an object without fields.
        is_required = bool(components[endpoint.body.__name__].get("required"))
        operation["requestBody"] = {"required": is_required, "content": content}
    return operation


def _security(endpoint: Endpoint) -> list[Document]:
    if endpoint.browser_only:
        return [{"cookie": []}]
    return [{"token": []}, {"cookie": []}] if endpoint.signed_in else []


def _operation_id(endpoint: Endpoint) -> str:
    words = _PARAMETER.sub(r"by_\1", endpoint.api_path.split("/", 3)[3])
    return "_".join([endpoint.method.lower(), *re.findall(r"\w+", words)])


def _path_parameters(endpoint: Endpoint) -> list[Document]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in _PARAMETER.findall(endpoint.api_path)
    ]


def _path_schema(name: str) -> Document:
    return {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"}


def _query_parameters(endpoint: Endpoint, components: Document) -> list[Document]:
    if endpoint.query is None:
        return []
    schema = components[endpoint.query.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _without_null(shape)}
        for name, shape in schema["properties"].items()
    ]


def _without_null(shape: Document) -> Document:
    """A field of a query that may be left out, which is the only way to give it no value."""
    choices = [each for each in shape.get("anyOf", ()) if each != {"type": "null"}]
    return choices[0] if len(choices) == 1 else shape


def _answers(endpoint: Endpoint, by_type: dict[Any, Document]) -> Document:
    answers = {endpoint.success: endpoint.answer, **endpoint.also}
    return {str(status): _answer(status, by_type.get(kind)) for status, kind in answers.items()}


def _answer(status: int, schema: Document | None) -> Document:
    answer: Document = {"description": HTTPStatus(status).phrase}
    return answer if schema is None else {**answer, "content": {"application/json": {"schema": schema}}}


# Which errors an endpoint may give ----------------------------------------------------------------------------------


def _error_references(endpoint: Endpoint) -> Document:
    # Any query string may be undecodable.
    statuses = {400, 429, 500, 503, *endpoint.errors}
    takes_fields = any(kind is not None for kind in (endpoint.query, endpoint.body, endpoint.form))
    if endpoint.signed_in:
        statuses |= {401, 403}
    # An id may stand in each of them.
    if _PARAMETER.search(endpoint.api_path) or (endpoint.signed_in and takes_fields):
        statuses |= {404}
    if endpoint.method == "POST" or endpoint.body is not None:
        statuses |= {409}
    if endpoint.query is not None:
        statuses |= {422}
    if endpoint.takes_file or endpoint.takes_no_fields or (endpoint.body or endpoint.form) is not None:
        statuses |= {413, 422}
    if endpoint.api_path.startswith(OPENAI_PATHS):
        statuses -= {422}
    return {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in sorted(statuses)}


def _error_responses() -> Document:
    """One response for each status, with every error of that status as an example."""
    responses: Document = {}
    for error in _tree(ChatserverError):
        response = responses.setdefault(_name(error.status), _error_response(error.status))
        response["content"]["application/json"]["examples"][error.code] = {"value": {"error": error().as_dict()}}
    return responses


def _error_response(status: int) -> Document:
    response: Document = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": {"$ref": REF.format(name=ErrorAnswer.__name__)}, "examples": {}}},
    }
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}}
    if status in {429, 503}:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response


def _tree(error: type[ChatserverError]) -> list[type[ChatserverError]]:
    leaves = [leaf for child in error.__subclasses__() for leaf in _tree(child)]
    return [] if error is ConfigurationError else [error, *leaves]


def _name(status: int) -> str:
    return "".join(re.findall(r"\w+", HTTPStatus(status).phrase))
