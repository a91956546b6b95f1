"""Real Chromium, and people who sit before it. Whatever a page complains about is collected and fails the test."""

import contextlib
import os
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    async_playwright,
    expect,
)

from chatserver.web.headers import REPORTS_PATH
from tests.support.late_answers import PLACEHOLDER_MS
from tests.support.product import Product
from tests.support.story import ApiUser

# The whole browser shows itself to nobody at a price: without a head of its own to draw, the shell takes a fifth less.
CHROMIUM = "/usr/bin/chromium"
HEADLESS_SHELL = "/usr/bin/chromium-headless-shell"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# As long as playwright waits for everything else; five seconds are too few beside a busy process.
expect.set_options(timeout=30_000)
# Pictures that are painted beside everything else that a machine has to do.
PAINTING_MS = 90_000
LIVE = '.connection[data-state="live"]'
TEXT = "#composer-text"

_HEAR_VIOLATIONS = """addEventListener('securitypolicyviolation', (event) =>
  console.error(`CSP ${event.effectiveDirective} refused ${event.blockedURI} in ${event.sourceFile}`))"""


@contextlib.asynccontextmanager
async def chromium(*arguments: str, whole: bool = False, keeps_pages: bool = False) -> AsyncIterator[Browser]:
    """One browser without a head; `arguments` are added to its usual ones.

    It is Chromium's headless shell where that is installed, unless the test needs what is only in the `whole` browser:
    notifications, or that it `keeps_pages` that are left, to show them again on the way back. With HEADED=1 it is the whole
    one, and in sight.
    """
    headed, whole = bool(os.environ.get("HEADED")), whole or keeps_pages
    executable = HEADLESS_SHELL if Path(HEADLESS_SHELL).exists() and not whole and not headed else CHROMIUM
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable,
            args=[*ARGUMENTS, *arguments],
            headless=not headed,
            ignore_default_args=["--disable-back-forward-cache"] if keeps_pages else None,
        )
        yield browser
        await browser.close()


class Visitor:
    """One person's browser, its pages watched. `complaints` are console errors, exceptions, answers from 400 on and
    violations of the policy; only what was announced is let through."""

    def __init__(self, product: Product, context: BrowserContext, person: ApiUser | None = None) -> None:
        self.product, self.context, self.person = product, context, person
        self.complaints: list[str] = []
        self._announced: list[re.Pattern[str]] = []

    async def watch(self) -> None:
        """From here on nothing is overheard."""
        await self.context.add_init_script(_HEAR_VIOLATIONS)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self._complain(f"exception: {error.error}"))
        self.context.on("response", self._judge)
        self.context.on("request", self._look_for_report)

    def announce(self, *patterns: str) -> None:
        """Complaints that this test is about."""
        self._announced += [re.compile(pattern) for pattern in patterns]

    def announce_deletion(self, asset_id: str) -> None:
        """A file that is deleted elsewhere, which a page may just be about to load, with what is told of it."""
        self.announce(f"404.*{asset_id}")

    async def open(self, path: str) -> Page:
        """A new tab."""
        page = await self.context.new_page()
        await page.goto(self.product.url + path)
        return page

    async def open_session(self, session: dict[str, Any], fragment: str = "") -> Page:
        """The chat page, once it is live."""
        page = await self.open(f"/sessions/{session['id']}{fragment}")
        await page.wait_for_selector(LIVE, state="attached")
        return page

    def _complain(self, words: str) -> None:
        if not any(pattern.search(words) for pattern in self._announced):
            self.complaints.append(words)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(f"console: {message.text} ({message.location.get('url', '')})")

    def _judge(self, response: Response) -> None:
        if response.status >= 400:
            self._complain(f"{response.status} {response.request.method} {response.url}")

    def _look_for_report(self, request: Request) -> None:
        if request.url.endswith(REPORTS_PATH):
            self._complain(f"a CSP report: {request.post_data}")


@contextlib.asynccontextmanager
async def visiting(product: Product, browser: Browser, announced: str = "", **settings: Any) -> AsyncIterator[Visitor]:
    """A fresh browser context of somebody who has not signed in; its complaints, but those `announced`, must stay empty."""
    context = await browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **settings})
    visitor = Visitor(product, context)
    visitor.announce(*filter(None, [announced]))
    await visitor.watch()
    try:
        yield visitor
    finally:
        await context.close()
    assert not visitor.complaints, "\n".join(visitor.complaints)


@contextlib.asynccontextmanager
async def signed_in(browser: Browser, person: ApiUser, **settings: Any) -> AsyncIterator[Visitor]:
    """A browser context in which this person, who has an account, has signed in.

    The service worker, which each new context would install anew, is there only for `service_workers="allow"`.
    """
    async with visiting(person.product, browser, **{"service_workers": "block", **settings}) as visitor:
        visitor.person = person
        await sign_in(visitor.context, person)
        yield visitor


async def sign_in(context: BrowserContext, person: ApiUser) -> None:
    """Gives the context the cookies of a sign-in, without a page: the form is sent over HTTP."""
    url = f"{person.product.url}/sign-in"
    token = re.search(r'name="csrf_token" value="([^"]+)"', await (await context.request.get(url)).text())
    assert token is not None
    form = {"email": person.user["email"], "password": person.password, "csrf_token": token[1]}
    answer = await context.request.post(url, form=form, headers={"Origin": person.product.url}, max_redirects=0)
    assert answer.status == 303, await answer.text()


async def fill_sign_in(page: Page, person: ApiUser) -> None:
    """The form of the page /sign-in, to its end."""
    await page.fill("[name=email]", person.user["email"])
    await page.fill("[name=password]", person.password)
    await page.click("main button[type=submit]")
    await page.wait_for_url(lambda url: "sign-in" not in url)


@contextlib.asynccontextmanager
async def newcomer(
    product: Product, browser: Browser, name: str, **settings: Any
) -> AsyncIterator[tuple[Visitor, Page]]:
    """Somebody who came in by the front door and made an account: the visitor and the page on which they are now."""
    async with visiting(product, browser, **settings) as visitor:
        page = await visitor.open("/")
        await page.click('header a[href^="/sign-up"]')
        await fill_sign_up(page, name)
        yield visitor, page


async def fill_sign_up(page: Page, name: str) -> None:
    """The form of a new account, to its end."""
    await page.fill("[name=name]", name)
    await page.fill("[name=email]", f"{name.lower()}-{uuid.uuid4().hex[:8]}@example.org")
    await page.fill("[name=password]", f"{name} likes green tea")
    await page.click("main button[type=submit]")
    await page.wait_for_url(lambda url: "sign-up" not in url and "invite" not in url)


async def is_at_its_end(page: Page) -> None:
    """The stream is laid out and has scrolled to its newest message. That is a frame's work, and a page may be live, or
    have heard more, before the frame comes."""
    await page.wait_for_function(
        "(s) => s.scrollHeight - s.scrollTop - s.clientHeight < 2", arg=await page.query_selector(".stream__scroll")
    )


async def say(page: Page, text: str) -> None:
    """Writes into the composer and presses Enter. What is shown of it, a placeholder or the message, is there then."""
    await page.fill(TEXT, text)
    await page.press(TEXT, "Enter")
    await page.evaluate("(wait) => new Promise((shown) => setTimeout(shown, wait))", PLACEHOLDER_MS + 1)


async def choose(page: Page, setting: str, value: str) -> None:
    """Opens the choices of a setting ("ratio", "size", "count", "style") and presses one."""
    await page.click(f'[data-setting="{setting}"]')
    await page.click(f'#setting-{setting} label:has(input[value="{value}"])')
    await expect(page.locator(f"#setting-{setting}")).to_be_hidden()


async def ask_for_pictures(page: Page, prompt: str, count: int = 1, size: int = 512) -> None:
    """Image mode, the settings, the prompt, Enter."""
    if await page.get_attribute("message-composer", "data-mode") != "image":
        await page.click('.composer__mode[data-mode="image"]')
    for setting, value in (("count", str(count)), ("size", str(size))):
        if await page.locator(f'input[name="{setting}"]:checked').get_attribute("value") != value:
            await choose(page, setting, value)
    await say(page, prompt)
