"""The websocket commands of files."""

from msgspec import Struct

from chatserver import ids
from chatserver.assets import service as assets
from chatserver.realtime.ports import Caller, Command
from chatserver.state import State


class FavoriteAsset(Struct, frozen=True, forbid_unknown_fields=True):
    """Mark a file, or take the mark away."""

    asset_id: str
    on: bool


async def favorite(state: State, caller: Caller, command: FavoriteAsset) -> dict[str, str | bool]:
    asset_id = ids.parse(command.asset_id)
    await state.database.run_as(caller.viewer.id, assets.favorite, asset_id, command.on)
    return {"asset_id": asset_id, "favorite": command.on}


COMMANDS = [Command("asset.favorite", FavoriteAsset, favorite)]
