"""What a page costs on the wire, as Chromium counts it: the bytes received for each request, headers included.

Counted is every request of the page itself until it has been quiet for half a second, and the frames of its websocket.
Not counted: what the browser sends, and what a service worker fetches in its own time (it is blocked here).
"""

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import CDPSession, Page


@dataclass
class PageTraffic:
    """The requests of one page load: address → (kind, bytes received)."""

    requests: dict[str, tuple[str, int]] = field(default_factory=dict)
    frames: int = 0
    _addresses: dict[str, tuple[str, str]] = field(default_factory=dict)
    _received: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(size for _, size in self.requests.values()) + self.frames

    def of(self, *kinds: str) -> int:
        """The bytes of these kinds: Document, Stylesheet, Script, Image, …"""
        return sum(size for kind, size in self.requests.values() if kind in kinds)

    def table(self) -> str:
        """One line a request, the largest first, and the sum."""
        rows = sorted(self.requests.items(), key=lambda each: -each[1][1])
        lines = [f"{size:>8,} B  {kind:<10} {url}" for url, (kind, size) in rows]
        return "\n".join([*lines, f"{self.frames:>8,} B  frames of the websocket", f"{self.total:>8,} B  in all"])

    def listen(self, client: CDPSession) -> None:
        client.on("Network.requestWillBeSent", self._sent)
        client.on("Network.webSocketCreated", lambda event: self._count(event["url"], "WebSocket", 0))
        client.on("Network.loadingFinished", self._finished)
        client.on("Network.webSocketFrameReceived", self._frame)

    def _sent(self, event: dict[str, Any]) -> None:
        url = event["request"]["url"]
        if url.startswith("http"):
            self._addresses[event["requestId"]] = (url, event.get("type", "Other"))
            self._count(*self._addresses[event["requestId"]], 0)

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._addresses:
            self._count(*self._addresses[event["requestId"]], int(event["encodedDataLength"]))

    def _frame(self, event: dict[str, Any]) -> None:
        self.frames += len(event["response"]["payloadData"].encode())

    def _count(self, url: str, kind: str, size: int) -> None:
        _, before = self.requests.get(url, (kind, 0))
        self.requests[url] = (kind, before + size)


async def measured(page: Page, load: Any) -> PageTraffic:
    """What `load()` — an opening or a reload of the page — costs."""
    traffic = PageTraffic()
    client = await page.context.new_cdp_session(page)
    await client.send("Network.enable")
    traffic.listen(client)
    await load()
    await page.wait_for_selector('.connection[data-state="live"]', state="attached")
    await page.wait_for_load_state("networkidle")
    await client.detach()
    return traffic
