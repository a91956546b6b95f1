"""Values of the stream in every state, for tests of what is drawn."""

import base64
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from chatserver import ids
from chatserver.assets.models import Asset
from chatserver.credits.models import Balance, Balances
from chatserver.generations.models import Generation, GenerationFault, Stage
from chatserver.identity.colours import hue_of
from chatserver.messages.models import Author, Message
from chatserver.sessions.events import StatsChanged, UsualDuration
from chatserver.sessions.models import Member, Session

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
SESSION, ADA, BOB = (f"01990000-0000-7000-8000-00000000000{digit}" for digit in (1, 2, 3))


def author(name: str = "Ada", user_id: str = ADA, kind: Any = "user") -> Author:
    return Author(id=user_id, name=name, kind=kind, role="guest" if kind == "user" else kind, hue=hue_of(user_id))


ASSISTANT = author("Assistant", SESSION, "assistant")


def message(text: str = "Hello", **changed: Any) -> Message:
    """A finished message of Ada's; `html` is the text as one paragraph unless given."""
    fields: dict[str, Any] = {
        "id": ids.new(),
        "session_id": SESSION,
        "client_id": ids.new(),
        "seq": 1,
        "author": author(),
        "kind": "text",
        "text": text,
        "html": f"<p>{text}</p>",
        "status": "done",
        "created_at": NOW,
        "generations": (),
    }
    return Message(**{**fields, **changed})


def asset(**changed: Any) -> Asset:
    asset_id = ids.new()
    fields: dict[str, Any] = {
        "id": asset_id,
        "kind": "image",
        "content_type": "image/png",
        "width": 768,
        "height": 512,
        "bytes": 1_234_567,
        "sha256": "0" * 64,
        "filename": "sunset-over-mountains-7f3a.png",
        "url": f"/files/{asset_id}/sunset-over-mountains-7f3a.png",
        "download_url": f"/files/{asset_id}/sunset-over-mountains-7f3a.png?download",
        "thumbnail_url": f"/files/{asset_id}/thumbnail.webp",
        "placeholder": tiny_webp(),
        "favorite": False,
    }
    return Asset(**{**fields, **changed})


def clip(**changed: Any) -> Asset:
    fields = {"kind": "video", "content_type": "video/webm", "filename": "waves-1a2b.webm", "duration_seconds": 4.0}
    return asset(**{**fields, **changed})


def generation(status: Any = "queued", **changed: Any) -> Generation:
    """A generation in a status, with what belongs to it."""
    ended = status in {"done", "failed", "cancelled"}
    fields: dict[str, Any] = {
        "id": ids.new(),
        "message_id": ids.new(),
        "kind": "image",
        "number": 1,
        "status": status,
        "stage": Stage(attempt=0 if status == "queued" else 1),
        "prompt": "a beautiful sunset over mountains",
        "negative_prompt": None,
        "style": None,
        "seed": 1234567,
        "width": 768,
        "height": 512,
        "steps": None,
        "guidance": None,
        "source_asset_id": None,
        "change": None,
        "strength": None,
        "masked": False,
        "enlargement": None,
        "style_before": None,
        "style_after": None,
        "style_without": None,
        "model": "Sketch (built in)",
        "provider": "sketch",
        "error": fault() if status == "failed" else None,
        "created_at": NOW,
        "started_at": None if status == "queued" else NOW,
        "finished_at": NOW + timedelta(seconds=6) if ended else None,
        "parent_id": None,
        "assets": (asset(),) if status == "done" else (),
    }
    return Generation(**{**fields, **changed})


def fault(**changed: Any) -> GenerationFault:
    fields: dict[str, Any] = {
        "code": "provider-down",
        "message": "The picture service cannot be reached right now.",
        "credit_returned": True,
    }
    return GenerationFault(**{**fields, **changed})


def pictures(*generations: Generation, **changed: Any) -> Message:
    """A message with these pictures."""
    prompt = generations[0].prompt
    return message(prompt, **{"kind": generations[0].kind, "html": "", "generations": generations, **changed})


def session(**changed: Any) -> Session:
    fields: dict[str, Any] = {
        "id": SESSION,
        "title": "Evening pictures",
        "plan_id": "flash",
        "status": "active",
        "started_at": NOW,
        "expires_at": NOW + timedelta(minutes=120),
        "seq": 1,
        "owner_id": ADA,
        "guests_may_generate": True,
        "members": (Member(id=ADA, name="Ada", role="owner", hue=0), Member(id=BOB, name="Bob", role="guest", hue=6)),
        "credits": Balances(
            image=Balance(limit=8, left=5, held=1, next_at=NOW + timedelta(minutes=12)),
            video=Balance(limit=2, left=2, held=0, next_at=None),
        ),
    }
    return Session(**{**fields, **changed})


def stats(**changed: Any) -> StatsChanged:
    fields: dict[str, Any] = {
        "messages": 12,
        "images": 3,
        "videos": 0,
        "tokens_in": 812,
        "tokens_out": 1204,
        "median_seconds": 6.4,
        "usual": (UsualDuration("image", "sketch", 512 * 512, 6.4),),
        "queue_length": 2,
        "queued": 1,
        "rendering": 1,
        "connections": 2,
    }
    return StatsChanged(**{**fields, **changed})


def tiny_webp(color: tuple[int, int, int] = (240, 150, 90)) -> str:
    """The base64 of a WebP as small as placeholders and previews are."""
    data = io.BytesIO()
    Image.new("RGB", (16, 12), color).save(data, "WEBP", quality=30)
    return base64.b64encode(data.getvalue()).decode()
