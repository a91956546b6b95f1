"""The API's entrance to the stream."""

from typing import Annotated

from msgspec import Meta, Struct, structs

from chatserver import messages
from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.assets import favorites
from chatserver.database import Transaction
from chatserver.errors import Invalid
from chatserver.generations import deletion as generation_deletion
from chatserver.messages import search as message_search
from chatserver.messages import sending, versions
from chatserver.messages.models import Message
from chatserver.messages.requests import CreateMessage, EditMessage, RegenerateReply, ShowVersion, kept_text
from chatserver.messages.search import SearchResult
from chatserver.validation import LARGEST_NUMBER, bounds


class MessageAnswer(Struct, frozen=True):
    """One message as it now is."""

    message: Message


Seq = Annotated[int, Meta(ge=0, le=LARGEST_NUMBER)]


class PageQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which messages: the first that changed after a number, the last before one, those between two, or the newest."""

    after: Seq | None = None
    before: Seq | None = None
    limit: Annotated[int, bounds(minimum=1, maximum=messages.PAGE)] = messages.PAGE


class SearchQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Words that must all occur, in any order."""

    q: str = ""


async def search(request: ApiRequest) -> SearchResult:
    q = request.query(SearchQuery).q
    return await request.state.database.run_as(request.viewer.id, message_search.search, q)


async def show_messages(request: ApiRequest) -> messages.Page:
    query = request.query(PageQuery)
    if not 1 <= query.limit <= messages.PAGE:
        raise Invalid.field("limit", f"must be 1 to {messages.PAGE}")
    run, session_id = request.state.database.run_as, request.id("session_id")
    return await run(request.viewer.id, _read_page, session_id, query)


async def _read_page(tx: Transaction, session_id: str, query: PageQuery) -> messages.Page:
    if query.after is not None:
        page = await messages.following(tx, session_id, query.after, query.limit, query.before)
    else:
        page = await messages.newest(tx, session_id, query.before, query.limit)
    return structs.replace(page, messages=await favorites.with_marks(tx, page.messages))


async def create_message(request: ApiRequest, body: CreateMessage) -> MessageAnswer:
    html = await request.state.markdown.render(kept_text(body), request.viewer.id)
    session_id = request.id("session_id")
    return MessageAnswer(await sending.send(request.state.database, request.viewer.id, session_id, body, html))


async def show_message(request: ApiRequest) -> MessageAnswer:
    message_id = request.id("message_id")
    return MessageAnswer(await request.state.database.run_as(request.viewer.id, _read_message, message_id))


async def _read_message(tx: Transaction, message_id: str) -> Message:
    [message] = await favorites.with_marks(tx, [await messages.find(tx, message_id)])
    return message


async def edit_message(request: ApiRequest, body: EditMessage) -> MessageAnswer:
    html = await request.state.markdown.render(kept_text(body), request.viewer.id)
    message_id = request.id("message_id")
    return MessageAnswer(await request.state.database.run_as(request.viewer.id, versions.edit, message_id, body, html))


async def regenerate_reply(request: ApiRequest, body: RegenerateReply) -> MessageAnswer:
    message_id = request.id("message_id")
    return MessageAnswer(await request.state.database.run_as(request.viewer.id, versions.regenerate, message_id, body))


async def show_version(request: ApiRequest, body: ShowVersion) -> MessageAnswer:
    message_id = request.id("message_id")
    run = request.state.database.run_as
    return MessageAnswer(await run(request.viewer.id, versions.show, message_id, body.version))


async def delete_message(request: ApiRequest) -> None:
    await request.state.database.run_system(
        generation_deletion.delete_message, request.viewer.id, request.id("message_id")
    )


async def stop_message(request: ApiRequest) -> MessageAnswer:
    message_id = request.id("message_id")
    return MessageAnswer(await request.state.database.run_as(request.viewer.id, messages.stop, message_id))


ROUTES = [
    Endpoint(
        "GET",
        "/search",
        search,
        summary="Your sessions by title, your messages and prompts by their words",
        query=SearchQuery,
        answer=SearchResult,
    ),
    Endpoint(
        "GET",
        "/sessions/{session_id}/messages",
        show_messages,
        summary="The stream, in the order of its changes",
        query=PageQuery,
        answer=messages.Page,
    ),
    Endpoint(
        "POST",
        "/sessions/{session_id}/messages",
        create_message,
        summary="Say something",
        body=CreateMessage,
        answer=MessageAnswer,
        status=201,
    ),
    Endpoint("GET", "/messages/{message_id}", show_message, summary="One message", answer=MessageAnswer),
    Endpoint(
        "POST",
        "/messages/{message_id}/edit",
        edit_message,
        summary="Send one's own words again, changed",
        body=EditMessage,
        answer=MessageAnswer,
        status=201,
    ),
    Endpoint(
        "POST",
        "/messages/{message_id}/regenerate",
        regenerate_reply,
        summary="Have a message answered once more",
        body=RegenerateReply,
        answer=MessageAnswer,
        status=202,
    ),
    Endpoint(
        "POST",
        "/messages/{message_id}/show",
        show_version,
        summary="Show another version of a message",
        body=ShowVersion,
        answer=MessageAnswer,
    ),
    Endpoint("DELETE", "/messages/{message_id}", delete_message, summary="Delete a message", status=204),
    Endpoint(
        "POST",
        "/messages/{message_id}/stop",
        stop_message,
        summary="Stop the reply being written",
        answer=MessageAnswer,
        status=202,
    ),
]
