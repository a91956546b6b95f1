"""People as the stories speak of them: `ada = await sign_up(product, "Ada")`, `await ada.buys("flash")`,
`chat = await ada.joins(session)`, `await chat.says("hello")`, `await chat.sees(…)`."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.support.product import Product

Event = dict[str, Any]
# How long a story waits for what has to happen.
PATIENCE_SECONDS = 30.0


class Refusal(Exception):
    """An answer that was an error; `code` and `status` as on the wire."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.error = body.get("error", {})
        self.code = self.error.get("code")


class ApiUser:
    """Somebody with an account and an API token."""

    def __init__(self, product: Product, user: dict[str, Any], token: str, password: str) -> None:
        self.product, self.user, self.token, self.password = product, user, token, password
        self.id, self.name = user["id"], user["name"]
        self.headers: dict[str, str] = {}  # more of them, for the socket

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One call to the API; its answer's JSON (None for 204). Raises Refusal."""
        return await call(self.product, method, path, body, {"Authorization": f"Bearer {self.token}", **headers})

    async def fetch(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Any address, as it comes: status, headers, body."""
        async with aiohttp.ClientSession() as client:
            sent = {"Authorization": f"Bearer {self.token}", **headers}
            async with client.get(self.product.url + path, headers=sent) as answer:
                return answer.status, dict(answer.headers), await answer.read()

    async def uploads(self, session: dict[str, Any], data: bytes, client_id: str | None = None) -> Any:
        """Brings a picture into a session; the answer's JSON. Raises Refusal."""
        address = f"{self.product.url}/api/v1/sessions/{session['id']}/uploads?client_id={client_id or uuid.uuid4()}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as client, client.post(address, data=data) as answer:
            value = await answer.json()
            if answer.status >= 400:
                raise Refusal(answer.status, value)
            return value

    async def buys(self, plan: str = "flash", title: str | None = None) -> dict[str, Any]:
        body = {"plan_id": plan} if title is None else {"plan_id": plan, "title": title}
        session: dict[str, Any] = (await self.call("POST", "/sessions", body))["session"]
        return session

    async def invites(self, session: dict[str, Any], **body: Any) -> str:
        code: str = (await self.call("POST", f"/sessions/{session['id']}/invites", body))["code"]
        return code

    async def accepts(self, code: str) -> dict[str, Any]:
        session: dict[str, Any] = (await self.call("POST", f"/invites/{code}", {}))["session"]
        return session

    async def credits(self, session: dict[str, Any]) -> dict[str, Any]:
        balances: dict[str, Any] = (await self.call("GET", f"/sessions/{session['id']}/credits"))["credits"]
        return balances

    async def joins(
        self,
        session: dict[str, Any],
        *,
        after: int | None = None,
        subprotocol: str = "chat.v1.json",
        product: Product | None = None,
    ) -> "SessionSocket":
        chat = SessionSocket(self, session["id"], product or self.product, subprotocol)
        await chat.connect(after)
        return chat


class SessionSocket:
    """One open websocket of a person, with everything it was told."""

    def __init__(self, person: ApiUser, session_id: str, product: Product, subprotocol: str) -> None:
        self.person, self.session_id, self.product, self.subprotocol = person, session_id, product, subprotocol
        self.events: list[Event] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.seq = 0
        self.close_code: int | None = None
        self._arrived = asyncio.Condition()

    async def connect(self, after: int | None = None, patience: float = PATIENCE_SECONDS) -> None:
        """Opens it and waits for the welcome. Raises ConnectionRefusedError where it is closed before that."""
        self.close_code, heard = None, len(self.events)
        self._client = aiohttp.ClientSession()
        query = "" if after is None else f"?after={after}"
        self._socket = await self._client.ws_connect(
            f"{self.product.ws_url}/ws/sessions/{self.session_id}{query}",
            headers={"Authorization": f"Bearer {self.person.token}", **self.person.headers},
            protocols=[self.subprotocol],
            max_msg_size=0,
        )
        self._reader = asyncio.create_task(self._read())

        def is_answered() -> bool:
            return self.close_code is not None or any(each["type"] == "welcome" for each in self.events[heard:])

        await self._until(is_answered, patience, "no welcome")
        if self.close_code is not None and not self.events[heard:]:
            raise ConnectionRefusedError(f"closed: {self.close_code}")

    async def _read(self) -> None:
        async for frame in self._socket:
            if frame.type == aiohttp.WSMsgType.TEXT:
                await self._take(json.loads(frame.data))
        async with self._arrived:
            self.close_code = self._socket.close_code
            self._arrived.notify_all()

    async def _take(self, events: list[Event]) -> None:
        async with self._arrived:
            for event in events:
                self.events.append(event)
                if event["type"] == "message" and "message" in event:
                    self.messages[event["message"]["id"]] = event["message"]
                self.seq = max(self.seq, event.get("seq", 0)) if event["type"] == "message" else self.seq
            self._arrived.notify_all()

    async def hears(
        self, wanted: Callable[[Event], bool], *, since: int = 0, patience: float = PATIENCE_SECONDS
    ) -> Event:
        """The first event, from index `since` on, that is wanted; waits for it."""
        found: list[Event] = []

        def look() -> bool:
            found[:] = [event for event in self.events[since:] if wanted(event)][:1]
            return bool(found)

        await self._until(look, patience, "an event that never came")
        return found[0]

    async def sees(
        self, wanted: Callable[[dict[str, Any]], bool], *, patience: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """The first message that is as wanted, now or soon."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [message for message in self.messages.values() if wanted(message)][:1]
            return bool(found)

        await self._until(look, patience, "a message that never came")
        return found[0]

    async def sees_text(self, text: str) -> dict[str, Any]:
        return await self.sees(lambda message: message["text"] == text)

    async def is_closed(self, patience: float = PATIENCE_SECONDS) -> int:
        """The close code, once the server closed."""
        await self._until(lambda: self.close_code is not None, patience, "a close that never came")
        assert self.close_code is not None
        return self.close_code

    async def _until(self, look: Callable[[], bool], patience: float, what: str) -> None:
        deadline = time.monotonic() + patience
        async with self._arrived:
            while not look():
                left = deadline - time.monotonic()
                try:
                    # No `wait_for`, which forgets that it was cancelled where something arrives at the same moment.
                    async with asyncio.timeout(max(left, 0)):
                        await self._arrived.wait()
                except TimeoutError:
                    last, types = self.events[-1:], [event["type"] for event in self.events[-12:]]
                    raise AssertionError(f"{what}; the last were {types}, {last}, closed: {self.close_code}") from None

    async def changed(self, look: Callable[[], bool], patience: float = 300) -> None:
        """Waits until something came, or the socket ended, after which `look()` is true."""
        await self._until(look, patience, "what was waited for never came")

    async def send(self, command: str, ref: str | None = None, **fields: Any) -> str:
        ref = ref or str(uuid.uuid4())
        await self._socket.send_str(json.dumps({"type": command, "ref": ref, **fields}))
        return ref

    async def send_raw(self, text: str) -> None:
        await self._socket.send_str(text)

    async def asks(self, command: str, **fields: Any) -> Any:
        """Sends a command and returns its result; raises Refusal."""
        ref = await self.send(command, **fields)
        reply = await self.hears(lambda event: event["type"] == "reply" and event["ref"] == ref)
        if not reply["ok"]:
            raise Refusal(0, reply)
        return reply["result"]

    async def says(self, text: str, client_id: str | None = None) -> dict[str, Any]:
        result = await self.asks("message.create", client_id=client_id or str(uuid.uuid4()), text=text)
        message: dict[str, Any] = result["message"]
        return message

    async def generates(self, prompt: str, client_id: str | None = None, **fields: Any) -> dict[str, Any]:
        size = {} if "mask" in fields else {"width": 256, "height": 256}
        body = {"kind": "image", **size, **fields}
        result = await self.asks("generation.create", client_id=client_id or str(uuid.uuid4()), prompt=prompt, **body)
        message: dict[str, Any] = result["message"]
        return message

    async def sees_ended(self, message: dict[str, Any], patience: float = 60) -> dict[str, Any]:
        """The message once all of its generations have ended."""

        def ended(candidate: dict[str, Any]) -> bool:
            ends = {"done", "failed", "cancelled"}
            return candidate["id"] == message["id"] and all(g["status"] in ends for g in candidate["generations"])

        return await self.sees(ended, patience=patience)

    async def leaves(self) -> None:
        """Closes the socket; harmless when done twice, or before it was open."""
        if hasattr(self, "_reader"):
            await self._socket.close()
            await self._reader
        if hasattr(self, "_client"):
            await self._client.close()


async def call(
    product: Product, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Any:
    async with aiohttp.ClientSession() as client:
        url = f"{product.url}/api/v1{path}"
        async with client.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise Refusal(answer.status, json.loads(text))
            return json.loads(text) if text else None


async def sign_up(product: Product, name: str) -> ApiUser:
    """A new account with an API token."""
    password = f"{name}-{uuid.uuid4()}"
    body = {"email": f"{name.lower()}-{uuid.uuid4().hex[:8]}@example.org", "name": name, "password": password}
    answer = await call(product, "POST", "/users", body)
    return ApiUser(product, answer["user"], answer["token"], password)
