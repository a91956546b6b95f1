"""What a page went through while nobody looked: every status that its messages and pictures had, in order."""

from playwright.async_api import Page

# Attributes change and nodes come in one and the same tick: old values are asked for, so that none is passed over.
_RECORD = """() => {
  const kinds = 'chat-message, generation-card'
  const stories = new Map()
  const told = (node, status) => {
    const story = stories.get(node) ?? stories.set(node, []).get(node)
    if (story.at(-1) !== status) story.push(status)
  }
  const all = () => document.querySelectorAll(kinds)
  const note = (records) => {
    for (const { type, target, oldValue } of records) {
      if (type === 'attributes' && target.matches(kinds)) told(target, oldValue)
    }
    for (const node of all()) told(node, node.dataset.status)
  }
  note([])
  const observer = new MutationObserver(note)
  const statuses = { attributeFilter: ['data-status'], attributeOldValue: true }
  observer.observe(document.body, { subtree: true, childList: true, ...statuses })
  window.statusesOf = (id) => { note(observer.takeRecords()); return stories.get(document.getElementById(id)) ?? null }
}"""


async def record_statuses(page: Page) -> None:
    """From here on, until the page is left."""
    await page.evaluate(_RECORD)


async def statuses_of(page: Page, dom_id: str) -> list[str]:
    """Each status that this message or picture had on this page, in order."""
    seen: list[str] | None = await page.evaluate("(id) => statusesOf(id)", dom_id)
    return seen or []
