"""What files announce, on `user:<id>`."""

from chatserver.events import Event, UserEvent


class FavoritesChanged(UserEvent, frozen=True, kw_only=True, tag="favorites"):
    """Files that are now favourites of the user, or, with `on` false, are none any more.

    With `whole`, at the beginning of a socket, they are all favourites in its session.
    """

    asset_ids: tuple[str, ...]
    on: bool
    whole: bool = False


class PicturesChanged(Event, frozen=True, kw_only=True, tag="pictures-changed"):
    """To the web processes: the user's gallery has changed, by a file that came or went, or by an album."""

    user_id: str

    def merge_key(self) -> str | None:
        return "pictures-changed"
