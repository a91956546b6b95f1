"""The operator's visible mark is in every copy that strangers and programs get to save, and in none that they look at."""

import base64
import io
import re
import zipfile

from PIL import Image, ImageChops, ImageStat

from tests.sharing.visitors import Visitor
from tests.support.product import running
from tests.support.story import sign_up


def has_mark(copy: bytes, original: bytes) -> bool:
    """Whether the lower right corner of a picture's copy is another than the original's."""
    corners = []
    for data in (copy, original):
        picture = Image.open(io.BytesIO(data)).convert("L").resize((512, 512))
        corners.append(picture.crop((352, 476, 504, 506)))
    return ImageStat.Stat(ImageChops.difference(*corners)).mean[0] > 15


async def test_shared_copies_carry_the_mark_where_the_operator_wants_it(tmp_path):
    async with running(tmp_path, PICTURE_MARK="all") as product:
        ada = await sign_up(product, "Ada")
        chat = await ada.joins(await ada.buys("pro"))
        message = await chat.sees_ended(await chat.generates("a fox in the snow", width=512, height=512, seed=1))
        await chat.leaves()
        [asset] = message["generations"][0]["assets"]
        original = (await ada.fetch(asset["url"]))[2]
        wanted = {"prompt": "a fox in the snow", "size": "512x512", "seed": 1}
        [handed] = (await ada.call("POST", "/images/generations", wanted))["data"]
        opened = (await ada.fetch(handed["url"].removeprefix(product.url)))[2]
        wanted = {"kind": "picture", "asset_ids": [asset["id"]]}
        path = (await ada.call("POST", "/shares", wanted))["share"]["path"]
        visitor = Visitor(product)
        addresses = set()
        for page in (path, f"{path}/{asset['id']}"):
            addresses |= set(
                re.findall(rf"{re.escape(path)}/[^\s\"]+\.\w+(?:\?download)?", (await visitor.opens(page)).text)
            )
        answers = {each: await visitor.opens(each) for each in addresses}
        await visitor.leaves()
    copies = {"handed": base64.b64decode(handed["b64_json"]), "opened": opened}
    for address, answer in answers.items():
        assert answer.status == 200, address
        copies[address.rpartition("/")[2]] = answer.body
    with zipfile.ZipFile(io.BytesIO(copies.pop("part-1.zip"))) as archive:
        [name] = archive.namelist()
        copies["packed"] = archive.read(name)
    marked = {name.partition(".")[2] or name: has_mark(body, original) for name, body in copies.items()}
    saved = {"png?download", "jpg?download", "packed", "handed", "opened"}
    assert {name for name, has in marked.items() if has} == saved
    assert len(marked) > len(saved), "something was looked at"
