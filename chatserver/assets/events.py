"""What files announce, on `user:<id>`."""

from chatserver.events import UserEvent


class FavoritesChanged(UserEvent, frozen=True, kw_only=True, tag="favorites"):
    """Files that are now favourites of the user, or, with `on` false, are none any more.

    With `whole`, at the beginning of a socket, they are all favourites in its session.
    """

    asset_ids: tuple[str, ...]
    on: bool
    whole: bool = False
