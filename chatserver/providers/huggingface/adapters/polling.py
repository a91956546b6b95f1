"""Common parts of polled services: the poll loop, progress from logs, and URLs behind the router."""

import re
from typing import Any
from urllib.parse import urlsplit

from chatserver.errors import BadBytes, ProviderError
from chatserver.providers.base import Rendering
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.client import successful
from chatserver.providers.huggingface.inference_call import InferenceCall

# "12/30", as tqdm and most samplers print it, but no date or URL with slashes.
_COUNTER = re.compile(r"(?<![\w/.:-])(\d{1,4})/(\d{1,4})(?![\w/])")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3})%")
# Only the last lines are searched: long logs would cost more with every poll.
_TAIL = 2000


class StatusPoll:
    """Polls one URL, tolerating a few errors in a row."""

    def __init__(self, call: InferenceCall, url: str) -> None:
        self._call = call
        self.url = url
        self._errors = 0

    async def next_state(self) -> dict[str, Any]:
        """The state of the work, after a pause. Raises the last of `max_poll_errors` errors in a row."""
        while True:
            await self._call.deadline.sleep(self._call.client.limits.poll_seconds)
            try:
                state = document(successful(await self._call.client.get(self.url, self._call.deadline)))
            except ProviderError as error:
                self._errors += 1
                # An error that is not temporary is final.
                if not error.temporary or self._errors >= self._call.client.limits.max_poll_errors:
                    raise
                self._call.deadline.remaining(0.0)
            else:
                self._errors = 0
                return state


def document(answer: HttpResponse) -> dict[str, Any]:
    """The response's JSON object. Raises BadBytes where it is none."""
    found = answer.json()
    if not isinstance(found, dict):
        raise BadBytes("The picture service's answer could not be read.")
    return found


def routed(call: InferenceCall, address: Any) -> str:
    """The path of a URL that the service gave, below our own base URL: its host is never called."""
    try:
        path = urlsplit(address).path if isinstance(address, str) else ""
    except ValueError:
        path = ""
    if not path.startswith("/"):
        raise BadBytes("The picture service did not say where to ask for the result.")
    return f"{call.base}{path}"


def progress(logs: Any) -> Rendering:
    """The progress in logs (text, or fal's list of `{message}`); a Rendering without numbers where they hold no counter."""
    tail = _text(logs)[-_TAIL:]
    counters = [(int(done), int(of)) for done, of in _COUNTER.findall(tail)]
    known = [(done, of) for done, of in counters if of > 0 and done <= of]
    if known:
        done, of = known[-1]
        return Rendering(fraction=done / of, step=done, steps=of)
    percents = [int(percent) for percent in _PERCENT.findall(tail) if int(percent) <= 100]
    return Rendering(fraction=percents[-1] / 100) if percents else Rendering()


def _text(logs: Any) -> str:
    if isinstance(logs, list):
        return "\n".join(_text(line.get("message") if isinstance(line, dict) else line) for line in logs[-50:])
    return logs if isinstance(logs, str) else ""
