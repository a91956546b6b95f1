"""What a slow or failing network does: answers of the server that reach a page late, in another order, broken off or not
at all, and undo periods that end when a test says so. All is done within the page, so that no clock decides what comes
first."""

from typing import Literal

from playwright.async_api import Page

# How long the stream waits for an answer before it shows a placeholder (message_list.js).
PLACEHOLDER_MS = 16

_HOLD = """(words) => {
  const ask = window.fetch
  window.held = []
  window.fetch = async (address, options) => {
    if (!`${options?.method ?? 'GET'} ${address}`.includes(words)) return ask(address, options)
    let release
    const gate = new Promise((resolve) => (release = resolve))
    const answering = ask(address, options).then(async (answer) => new Response((await answer.text()) || null, answer))
    window.held.push({ answering, release })
    await gate
    return answering
  }
}"""
# What the page makes of it is done in the tasks that follow.
_RELEASE = """async (number) => {
  await window.held[number].answering
  window.held[number].release()
  for (let task = 0; task < 3; task++) await new Promise((next) => setTimeout(next))
}"""
_LOSE = """([words, how, times]) => {
  const ask = window.fetch
  window.lost = 0
  window.loseNone = () => (window.fetch = ask)
  window.fetch = async (address, options) => {
    const isMeant = `${options?.method ?? 'GET'} ${address}`.includes(words)
    if (!isMeant || window.lost === times) return ask(address, options)
    if (how === 'unheard') await ask(address, options)
    window.lost += 1
    if (how === 'refused') return new Response('{}', { status: 503 })
    if (how === 'away' || how === 'unheard') throw new TypeError('Failed to fetch')
    return new Response(new ReadableStream({ start: (body) => body.error(new TypeError('network error')) }))
  }
}"""
_HOLD_PERIODS = """(length) => {
  const [set, clear] = [window.setTimeout, window.clearTimeout]
  window.periods = new Map()
  window.setTimeout = (action, ms, ...rest) => {
    const timer = set(ms === length ? () => {} : action, ms, ...rest)
    if (ms === length) window.periods.set(timer, action)
    return timer
  }
  window.clearTimeout = (timer) => {
    window.periods.delete(timer)
    clear(timer)
  }
  window.releasePeriods = () => Object.assign(window, { setTimeout: set, clearTimeout: clear })
}"""


async def hold_answers(page: Page, words: str) -> None:
    """From here on, answers to requests with these words in `METHOD address` wait for their `release_answer`."""
    await page.evaluate(_HOLD, words)


async def requests_held(page: Page, count: int) -> None:
    """Waits until so many such requests were made, and their answers are held."""
    await page.wait_for_function("(count) => window.held.length >= count", arg=count)
    await page.evaluate("async () => void (await Promise.all(window.held.map(({ answering }) => answering)))")


async def count_of_requests(page: Page) -> int:
    count: int = await page.evaluate("() => window.held.length")
    return count


async def release_answer(page: Page, number: int) -> None:
    """Lets the answer to the request with this number, from 0 on, through to the page."""
    await requests_held(page, number + 1)
    await page.evaluate(_RELEASE, number)


# How an answer is lost: there is none, it is a refusal for now, it breaks off behind its head, or the server has done what
# was asked for and nobody hears of it.
Loss = Literal["away", "refused", "cut", "unheard"]


async def lose_answers(page: Page, words: str, how: Loss, times: int = -1) -> None:
    """From here on, requests with these words in `METHOD address` are answered so, until `lose_none`, or so many times."""
    await page.evaluate(_LOSE, [words, how, times])


async def answers_lost(page: Page, count: int = 1) -> None:
    """Waits until so many were lost, and the page has done what it makes of that."""
    await page.wait_for_function("(count) => window.lost >= count", arg=count)
    await page.evaluate(
        "async () => { for (let task = 0; task < 3; task++) await new Promise((next) => setTimeout(next)) }"
    )


async def lose_none(page: Page) -> None:
    await page.evaluate("() => void window.loseNone()")


async def hold_undo_periods(page: Page) -> None:
    """From here on no period of five seconds ends; `window.periods` has those that run, by the ids of their timers."""
    await hold_periods(page, 5000)


async def hold_periods(page: Page, milliseconds: int) -> None:
    """The same for timers of so many milliseconds."""
    await page.evaluate(_HOLD_PERIODS, milliseconds)


async def end_periods(page: Page) -> int:
    """Ends those that run, and says how many they were."""
    count: int = await page.evaluate("() => [...window.periods.values()].map((act) => act()).length")
    return count


async def no_period_runs(page: Page) -> None:
    """Waits until the page has given up all of them."""
    await page.wait_for_function("() => window.periods.size === 0")


async def release_undo_periods(page: Page) -> None:
    """Later ones end by themselves again, for a page that serves other tests too."""
    await page.evaluate("() => void window.releasePeriods()")
