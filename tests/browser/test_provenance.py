"""A picture says what it is, from the painter to the page that recognises it."""

import io

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from tests.provenance import readers
from tests.support.axe import complaints_about
from tests.support.browser import visiting
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

# Drops one file on the page, as browsers report it.
DROP = """([bytes, type]) => {
  const files = new DataTransfer()
  files.items.add(new File([new Uint8Array(bytes)], "found.jpg", { type }))
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }))
}"""


async def chosen(page: Page, data: bytes, content_type: str = "image/png") -> None:
    """Chooses a file in the form and sends it."""
    await page.set_input_files("input[type=file]", {"name": "found", "mimeType": content_type, "buffer": data})
    await page.click("main button[type=submit]")


async def test_a_stranger_hears_whether_a_picture_was_made_here(product, browser, tmp_path) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    message = await chat.sees_ended(await chat.generates("a lighthouse by the sea", width=256, height=256))
    [asset] = message["generations"][0]["assets"]
    await chat.leaves()
    _, headers, data = await ada.fetch(asset["download_url"])
    assert int(headers["Content-Length"]) == asset["bytes"] == len(data)
    tags = await readers.exiftool(data, tmp_path)
    assert tags["XMP-iptcExt:DigitalSourceType"].endswith("/algorithmicMedia")
    assert tags["PNG:Prompt"] == "a lighthouse by the sea"
    assert readers.manifest(data, "image/png")[0] == "Valid"
    saved = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").resize((200, 200)).save(saved, "JPEG", quality=70)

    async with visiting(product, browser) as visitor:
        visitor.announce("422")
        page = await visitor.open("/verify")
        found = await complaints_about(page, "/verify")
        await chosen(page, data)
        await expect(page.get_by_role("heading", name="Made here, on")).to_be_visible()
        await expect(page.locator(".verdict")).to_contain_text("signature, and is unchanged")
        await expect(page.locator("main")).not_to_contain_text("Ada")
        found += await complaints_about(page, "/verify, made here")
        await page.evaluate(DROP, [list(saved.getvalue()), "image/jpeg"])
        await expect(page.get_by_role("heading", name="Almost certainly made here, on")).to_be_visible()
        await chosen(page, b"no picture")
        await expect(page.get_by_role("alert").first).to_contain_text("This is no whole picture or clip")
        await page.set_input_files(
            "input[type=file]", {"name": "x", "mimeType": "image/png", "buffer": bytes(10 * 1024 * 1024 + 1)}
        )
        await expect(page.get_by_text("This file is larger than 10 MB.")).to_be_visible()
        found += await complaints_about(page, "/verify, too large")
    assert not found, "\n".join(found)

    async with visiting(product, browser, java_script_enabled=False) as visitor:
        page = await visitor.open("/verify")
        other = io.BytesIO()
        Image.effect_noise((8, 8), 160).resize((256, 256), Image.Resampling.BICUBIC).save(other, "PNG")
        await chosen(page, other.getvalue())
        await expect(page.get_by_role("heading", name="Not recognised")).to_be_visible()
