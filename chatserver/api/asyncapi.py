"""The AsyncAPI 3.0 document of the websocket, generated from the list of commands and the types of events."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from chatserver import __version__
from chatserver.api.openapi import REF, Document, ErrorDetail, describe
from chatserver.events import Event
from chatserver.realtime.events import CommandReply
from chatserver.realtime.ports import Command

ADDRESS = "/ws/sessions/{session_id}"
_DESCRIPTION = """\
One text frame from the server is a JSON array of one or more events, described here one by one; one from the client is one
command. Sign in with `Authorization: Bearer <API token>`; without, the handshake succeeds and close code 4501 follows.
Subprotocols: `chat.v1.json` for programs, `chat.v1.html` for the product's own pages. Events with a `seq` are durable:
connect again with `after=<seq>` and get every later state. Ignore unknown events and fields."""


def asyncapi(commands: Sequence[Command], events: Sequence[type[Event]], origin: str) -> Document:
    """The document. `origin` is the scheme and host of the server."""
    _, schemas = describe([*(each.body for each in commands), *events, ErrorDetail])
    schemas[CommandReply.__name__]["properties"]["error"] = {"$ref": REF.format(name=ErrorDetail.__name__)}
    tags = [_tag(event) for event in events]
    # There is a command and an event of the same name.
    keys = {each.name: f"{each.name}.command" if each.name in tags else each.name for each in commands}
    messages = {keys[each.name]: _command(each, schemas) for each in commands}
    messages |= {tag: _event(event, schemas) for tag, event in zip(tags, events, strict=True)}
    parts = urlsplit(origin)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "chatserver", "version": __version__, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"here": {"host": parts.netloc, "protocol": "wss" if parts.scheme == "https" else "ws"}},
        "channels": {"session": _channel(messages)},
        "operations": {
            "commands": _operation("receive", "What clients ask for.", [*keys.values()]),
            "events": _operation("send", "What the server announces.", tags),
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(messages: Document) -> Document:
    after = {"type": "integer", "minimum": 0, "description": "The newest seq that the client has applied."}
    return {
        "address": ADDRESS,
        "description": "Everything of one session.",
        "parameters": {"session_id": {"description": "The session's id."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"method": "GET", "query": {"type": "object", "properties": {"after": after}}}},
    }


def _operation(action: str, summary: str, names: list[str]) -> Document:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{name}"} for name in names],
    }


def _command(command: Command, schemas: Document) -> Document:
    # A command's struct is closed to unknown fields, so its envelope has to be part of the same schema.
    body = schemas[command.body.__name__]
    envelope: dict[str, Any] = {"type": {"const": command.name}, "ref": {"type": "string"}}
    payload = {
        **body,
        "properties": {**envelope, **body["properties"]},
        "required": ["type", "ref", *body.get("required", [])],
    }
    return {"name": command.name, "summary": body.get("description", command.name), "payload": payload}


def _event(event: type[Event], schemas: Document) -> Document:
    name = _tag(event)
    schema = {"$ref": REF.format(name=event.__name__)}
    return {"name": name, "summary": schemas[event.__name__].get("description", name), "payload": schema}


def _tag(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)
