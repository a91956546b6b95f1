"""A generation as a worker sees it. As people see it, it is `messages.Generation`."""

from msgspec import Struct

from chatserver.database import Row
from chatserver.generations.provider_limits import Permit
from chatserver.messages.models import Generation
from chatserver.providers.base import Kind


class Job(Struct, frozen=True, kw_only=True):
    """A claimed generation: what to make, with which permit, and the attempt that fences every later write.

    `seconds_left` to its end.
    """

    id: str
    message_id: str
    session_id: str
    user_id: str
    kind: Kind
    attempt: int
    faults: int
    prompt: str
    negative_prompt: str | None
    style: str | None
    seed: int
    width: int
    height: int
    steps: int | None
    guidance: float | None
    source_asset_id: str | None
    seconds_left: float
    permit: Permit

    @classmethod
    def from_row(cls, row: Row, permit: Permit) -> "Job":
        return cls(permit=permit, **{name: row[name] for name in cls.__struct_fields__ if name != "permit"})


class Maker(Struct, frozen=True):
    """Who makes a picture, with which model, as people read it."""

    provider: str
    model: str


Makers = dict[Kind, Maker]


class History(Struct, frozen=True):
    """A page of one's own generations, the newest first; `next` is the `before` of the next page."""

    generations: tuple[Generation, ...]
    next: str | None
