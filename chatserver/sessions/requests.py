"""What people ask of sessions over the websocket."""

from typing import Annotated

from msgspec import Meta, Struct

from chatserver.validation import LARGEST_NUMBER


class Seen(Struct, frozen=True, forbid_unknown_fields=True):
    """The sender has seen the stream up to `seq`: what came before is no longer new to them, in any tab or device."""

    seq: Annotated[int, Meta(ge=0, le=LARGEST_NUMBER)]
