"""Firefox and WebKit as Debian ships them, driven by the W3C's protocols: Playwright drives only builds of its own.

Firefox speaks WebDriver BiDi itself; WebKitGTK's driver speaks WebDriver, and its browser needs a screen (Xvfb). Both are
used alike: `page.click(css)`, `page.type(css, text)`, `page.evaluate(js)`, `page.until(js)`.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from tests.support import ports
from tests.support.guards import Guard

FIREFOX, WEBKIT, SCREEN = "firefox-esr", "WebKitWebDriver", "Xvfb"
# How long a browser that has just been started, or a condition of a page, may take on a busy machine.
PATIENCE_SECONDS = 60.0
ENTER = "\ue007"
# Downloads go to a folder without a question; no service of the maker is asked for anything.
_PREFERENCES = {
    "browser.download.folderList": 2,
    "browser.download.always_ask_before_handling_new_types": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.normandy.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Tab(Protocol):
    """One tab. Clicks and keys are the browser's own, as a person's are."""

    async def goto(self, url: str) -> None: ...
    async def reload(self) -> None: ...
    async def evaluate(self, expression: str) -> Any: ...
    async def press(self, text: str) -> None: ...
    async def click(self, selector: str) -> None: ...
    async def resize(self, width: int, height: int) -> None: ...
    async def screenshot(self) -> bytes: ...


class OtherBrowser(Protocol):
    """A browser with one profile. `complaints` are errors of its console, where its protocol tells them."""

    complaints: list[str]

    async def open(self, url: str) -> Tab: ...


def missing(*programs: str) -> str:
    """The programs that are not installed, in words; empty where all are."""
    return ", ".join(name for name in programs if shutil.which(name) is None)


async def until(tab: Tab, condition: str) -> Any:
    """Waits until an expression is true in the page; its value."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (value := await tab.evaluate(condition)):
            await asyncio.sleep(0.05)
    return value


async def type_into(tab: Tab, selector: str, text: str) -> None:
    """Clicks into a field and writes."""
    await tab.click(selector)
    await tab.press(text)


def _center(selector: str) -> str:
    """The middle of the first visible element that matches, brought into view; null where there is none yet."""
    return f"""(() => {{
      const found = [...document.querySelectorAll({json.dumps(selector)})].find((each) => each.checkVisibility())
      if (!found || found.disabled) return null
      found.scrollIntoView({{ block: 'nearest' }})
      const {{ x, y, width, height }} = found.getBoundingClientRect()
      return [Math.round(x + width / 2), Math.round(y + height / 2)]
    }})()"""


# Firefox ----------------------------------------------------------------------------------------------------------

# What Gecko says of a file that was on its way through the service worker when its page was left, or of such an icon.
# What a worker does wrong, it says in other words: "passed an Error Response", "a promise that rejected".
_OF_A_PAGE_LEFT = "A ServiceWorker intercepted the request and encountered an unexpected error."


@contextlib.asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator["Firefox"]:
    """A new profile in this folder, whose downloads are in `folder/downloads`."""
    (folder / "downloads").mkdir(parents=True)
    preferences = {**_PREFERENCES, "browser.download.dir": str(folder / "downloads")}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
    (folder / "user.js").write_text("\n".join(lines))
    arguments = ["--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0", "about:blank"]
    async with running(FIREFOX, *arguments, HOME=str(folder), MOZ_DISABLE_AUTO_SAFE_MODE="1") as process:
        address = await _said(process, r"WebDriver BiDi listening on (ws://\S+)")
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"{address}/session", max_msg_size=0) as socket,
        ):
            browser = Firefox(socket)
            listening = asyncio.create_task(browser.listen())
            await browser.ask("session.new", capabilities={})
            await browser.ask("session.subscribe", events=["log.entryAdded"])
            try:
                yield browser
            finally:
                listening.cancel()


class Firefox:
    """A session of WebDriver BiDi."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def listen(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame.data)
            if message["type"] == "event":
                self._hear(message["params"])
            elif (answer := self._answers.pop(message["id"], None)) is not None and not answer.done():
                answer.set_result(message)

    def _hear(self, entry: dict[str, Any]) -> None:
        text = str(entry.get("text"))
        if entry.get("level") == "error" and not text.endswith(_OF_A_PAGE_LEFT):
            self.complaints.append(text)

    async def ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await self._answers[number]
        if answer["type"] == "error":
            raise AssertionError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]

    async def open(self, url: str) -> "FirefoxTab":
        context = (await self.ask("browsingContext.create", type="tab"))["context"]
        tab = FirefoxTab(self, context)
        await tab.goto(url)
        return tab


class FirefoxTab:
    """A browsing context of WebDriver BiDi."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self._ask, self._context = browser.ask, context

    async def goto(self, url: str) -> None:
        await self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        await self._ask("browsingContext.reload", context=self._context, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        wrapped = f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))"
        result = await self._ask(
            "script.evaluate", expression=wrapped, target={"context": self._context}, awaitPromise=True
        )
        if result["type"] == "exception":
            raise AssertionError(result["exceptionDetails"]["text"])
        return json.loads(result["result"]["value"])

    async def press(self, text: str) -> None:
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        await self._act({"type": "key", "id": "keys", "actions": keys})

    async def click(self, selector: str) -> None:
        x, y = await until(self, _center(selector))
        moves = [{"type": "pointerMove", "x": x, "y": y}]
        presses = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        await self._act({"type": "pointer", "id": "mouse", "actions": [*moves, *presses]})

    async def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height}
        await self._ask("browsingContext.setViewport", context=self._context, viewport=size)

    async def screenshot(self) -> bytes:
        return base64.b64decode((await self._ask("browsingContext.captureScreenshot", context=self._context))["data"])

    async def _act(self, source: dict[str, Any]) -> None:
        await self._ask("browsingContext.activate", context=self._context)
        await self._ask("input.performActions", context=self._context, actions=[source])


# WebKit -----------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def webkit(folder: Path) -> AsyncIterator["WebKit"]:
    """WebKitGTK's small browser on a screen of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    port = ports.reserve()
    async with _screen() as display:
        environment = {
            "DISPLAY": display,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "GDK_BACKEND": "x11",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        }
        async with (
            running(WEBKIT, f"--port={port}", "--host=127.0.0.1", **environment),
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
        ):
            browser = WebKit(client)
            await browser.begin()
            try:
                yield browser
            finally:
                await browser.end()


class WebKit:
    """A session of WebDriver."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self.complaints: list[str] = []
        self._client = client
        self._session = ""
        self._active = ""

    async def begin(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    if (await self._call("GET", "/status"))["ready"]:
                        break
                await asyncio.sleep(0.05)
        capabilities = {"alwaysMatch": {"pageLoadStrategy": "normal"}}
        self._session = (await self._call("POST", "/session", capabilities=capabilities))["sessionId"]

    async def end(self) -> None:
        await self._call("DELETE", f"/session/{self._session}")

    async def ask(self, window: str, method: str, path: str, **body: Any) -> Any:
        """A command for one of the windows."""
        if window != self._active:
            await self._call("POST", f"/session/{self._session}/window", handle=window)
            self._active = window
        return await self._call(method, f"/session/{self._session}{path}", **body)

    async def open(self, url: str) -> "WebKitTab":
        if not self._active:
            self._active = await self._call("GET", f"/session/{self._session}/window")
            tab = WebKitTab(self, self._active)
        else:
            made = await self._call("POST", f"/session/{self._session}/window/new", type="window")
            tab = WebKitTab(self, made["handle"])
        await tab.goto(url)
        return tab

    async def _call(self, method: str, path: str, **body: Any) -> Any:
        sent = {} if method == "GET" or method == "DELETE" else {"json": body}
        async with self._client.request(method, path, **sent) as answer:
            value = json.loads(await answer.text())["value"]
        if answer.status >= 400:
            raise AssertionError(f"{method} {path}: {value['error']}: {value['message']}")
        return value


class WebKitTab:
    """A window handle of WebDriver."""

    def __init__(self, browser: WebKit, window: str) -> None:
        self._browser, self._window = browser, window

    async def _ask(self, method: str, path: str, **body: Any) -> Any:
        return await self._browser.ask(self._window, method, path, **body)

    async def goto(self, url: str) -> None:
        await self._ask("POST", "/url", url=url)

    async def reload(self) -> None:
        await self._ask("POST", "/refresh")

    async def evaluate(self, expression: str) -> Any:
        script = f"""const done = arguments[0]
          Promise.resolve({expression}).then((value) => done(JSON.stringify(value ?? null)))"""
        return json.loads(await self._ask("POST", "/execute/async", script=script, args=[]))

    async def press(self, text: str) -> None:
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        await self._act({"type": "key", "id": "keys", "actions": keys})

    async def click(self, selector: str) -> None:
        x, y = await until(self, _center(selector))
        moves = [{"type": "pointerMove", "x": x, "y": y, "duration": 0}]
        presses = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        await self._act({**pointer, "actions": [*moves, *presses]})

    async def resize(self, width: int, height: int) -> None:
        await self._ask("POST", "/window/rect", width=width, height=height)

    async def screenshot(self) -> bytes:
        return base64.b64decode(await self._ask("GET", "/screenshot"))

    async def _act(self, source: dict[str, Any]) -> None:
        await self._ask("POST", "/actions", actions=[source])


# Processes --------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _screen() -> AsyncIterator[str]:
    """A screen that exists in memory only; its name for DISPLAY."""
    arguments = ["-displayfd", "2", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    async with running(SCREEN, *arguments) as process:
        number = await _said(process, r"^(\d+)$")
        yield f":{number}"


@contextlib.asynccontextmanager
async def running(program: str, *arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program with its own group of processes, which ends with it."""
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    guard = Guard('kill -KILL "-$1"', str(process.pid))
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        guard.dismiss()


async def _said(process: asyncio.subprocess.Process, pattern: str) -> str:
    """What a program says of itself on its error stream, which is then read to its end."""
    assert process.stderr is not None
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await process.stderr.readline()).decode(errors="replace").strip():
            lines.append(line)
            if match := re.search(pattern, line):
                process.drain = asyncio.create_task(process.stderr.read())  # type: ignore[attr-defined]
                return match[1]
    raise AssertionError("\n".join(lines) or "It ended without a word.")
