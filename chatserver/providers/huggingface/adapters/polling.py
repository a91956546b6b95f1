"""What the services that are asked again and again have in common: patient questions, progress in logs, addresses."""

import re
from typing import Any
from urllib.parse import urlsplit

from chatserver.errors import BadBytes, ProviderError
from chatserver.providers.base import Rendering
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.client import successful
from chatserver.providers.huggingface.job import Job

# "12/30", as tqdm and most samplers print it. A date or an address with slashes is no counter, hence the borders.
_COUNTER = re.compile(r"(?<![\w/.:-])(\d{1,4})/(\d{1,4})(?![\w/])")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3})%")
# The last lines say how far it is; a model that prints much would cost more the longer it runs.
_TAIL = 2000


class Poll:
    """Asks one address until it answers well, forgiving a few faults in a row."""

    def __init__(self, job: Job, url: str) -> None:
        self._job = job
        self.url = url
        self._faults = 0

    async def ask(self) -> dict[str, Any]:
        """The state of the work, after the usual pause. Raises what goes on being wrong."""
        while True:
            await self._job.deadline.sleep(self._job.client.limits.polling_pause)
            try:
                state = document(successful(await self._job.client.ask(self.url, self._job.deadline)))
            except ProviderError as error:
                self._faults += 1
                # A run that is out of time stays out of time; an answer that will not change is final.
                if not error.temporary or self._faults >= self._job.client.limits.polling_faults:
                    raise
                self._job.deadline.left(0.0)
            else:
                self._faults = 0
                return state


def document(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object. Raises BadBytes where it is none."""
    found = answer.json()
    if not isinstance(found, dict):
        raise BadBytes("The picture service's answer could not be read.")
    return found


def routed(job: Job, address: Any) -> str:
    """The path of an address that the service gave, behind our own base: its host is never called."""
    path = urlsplit(address).path if isinstance(address, str) else ""
    if not path.startswith("/"):
        raise BadBytes("The picture service did not say where to ask for the result.")
    return f"{job.base}{path}"


def progress(logs: Any) -> Rendering:
    """How far the logs say the work is: text, or fal's list of `{message}`. Without a counter only that it goes on."""
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
