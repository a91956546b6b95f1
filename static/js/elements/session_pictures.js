// <session-pictures data-next>: the session's finished pictures and clips, the newest first. It follows the stream, and
// fetches older ones while it is scrolled. `data-next` is where the page after the last one begins, empty where none
// does.
import { bus } from "../bus.js"
import { isFavorite } from "../favorites.js"
import { defineLater } from "../helpers/defining.js"
import { slot } from "../helpers/dom.js"
import { fetchText } from "../helpers/fetching.js"
import { parse } from "../rendering.js"

export class SessionPictures extends HTMLElement {
  #unsubscribe = null
  #fetching = false
  #asked = 0
  #seqs = new Map()
  #followed = new Map() // what the messages show of which the stream has told during a question: sets of files, by id
  #timer = null
  #more = null

  connectedCallback() {
    this.list = slot(this, "list")
    const unsubscribe = [
      bus.on("message-received", (message) => this.#follow(message)),
      bus.on("favorites-changed", () => this.#mark()),
    ]
    this.#unsubscribe = () => unsubscribe.forEach((end) => end())
    this.addEventListener("click", this.onClick)
    this.#more = new IntersectionObserver(([entry]) => entry.isIntersecting && this.#fetchMore(), {
      root: slot(this, "scroll"),
      rootMargin: "200px",
    })
    this.#watchEnd()
    this.#show()
  }

  disconnectedCallback() {
    this.#unsubscribe()
    this.#more.disconnect()
    clearTimeout(this.#timer)
    this.removeEventListener("click", this.onClick)
  }

  get #onlyFavorites() {
    return this.querySelector('[data-action="favorites"]').getAttribute("aria-pressed") === "true"
  }

  onClick = (event) => {
    const filter = event.target.closest('[data-action="favorites"]')
    if (filter) return this.#toggleFilter(filter)
    const link = event.target.closest(".picture")
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) this.#open(link, event)
  }

  // What the stream has is looked at closely at once; the others after their link has loaded the stream that far.
  #open(link, event) {
    const sheet = this.closest("[popover]")
    if (sheet.matches(":popover-open")) sheet.hidePopover()
    const card = document.getElementById(`generation_${link.dataset.generation}`)
    if (!card?.file) return
    event.preventDefault()
    bus.emit("show-version", card)
    bus.emit("open-picture", card)
  }

  // What a message shows, also one that the stream has not loaded, is what the list has of it; an older rendering
  // changes nothing.
  #follow(message) {
    const { id, seq } = message.dataset
    if (this.#seqs.get(id) > Number(seq)) return
    this.#seqs.set(id, Number(seq))
    const cards = [...message.querySelectorAll("generation-card[data-asset]")]
    const wanted = cards.filter((card) => !this.#onlyFavorites || isFavorite(card.dataset.asset))
    const kept = new Set(wanted.map((card) => card.dataset.asset))
    this.#followed.set(id, kept)
    for (const item of this.list.querySelectorAll(`[data-message="${CSS.escape(id)}"]`)) {
      if (!kept.has(item.dataset.picture)) item.remove()
    }
    for (const card of wanted) this.#place(card, message)
    this.#show()
  }

  // Ids rise with time. What belongs to a page that was not fetched yet comes with that page.
  #place(card, message) {
    const id = card.dataset.asset
    const known = this.list.querySelector(`[data-picture="${CSS.escape(id)}"]`)
    if (known) return
    const items = [...this.list.children]
    const next = items.find((each) => each.dataset.picture < id) ?? null
    if (next || !this.dataset.next) this.list.insertBefore(newItem(card, message), next)
  }

  #mark() {
    for (const { dataset, firstElementChild: link } of this.list.children) {
      link.dataset.favorite = isFavorite(dataset.picture) ? "yes" : "no"
    }
    if (!this.#onlyFavorites) return
    this.list.replaceChildren()
    this.#fetch("")
  }

  #toggleFilter(button) {
    button.setAttribute("aria-pressed", String(!this.#onlyFavorites))
    this.list.replaceChildren()
    this.#fetch("")
  }

  #fetchMore() {
    if (this.dataset.next && !this.#fetching) this.#fetch(this.dataset.next)
  }

  // Only the newest question's answer is taken: an earlier one is about the other filter, or the list as it was. A
  // question without an answer is asked again, unless it was refused for good.
  async #fetch(before) {
    const asked = ++this.#asked
    clearTimeout(this.#timer)
    this.#followed.clear()
    this.#fetching = true
    const query = new URLSearchParams({ before, favorites: this.#onlyFavorites ? "yes" : "" })
    const { text, again } = await fetchText(`${location.pathname}/pictures?${query}`)
    if (asked !== this.#asked) return
    if (!text) return again && (this.#timer = setTimeout(() => this.#fetch(before), again))
    this.#fetching = false
    const page = parse(text).firstElementChild
    const fresh = [...page.children].filter(({ dataset }) => !this.#has(dataset.picture) && !this.#isOvertaken(dataset))
    this.list.append(...fresh)
    this.dataset.next = page.dataset.next
    this.#watchEnd()
    this.#show()
  }

  // Observed again, it tells that the end is still in sight after a page that was too short.
  #watchEnd() {
    this.#more.disconnect()
    this.#more.observe(slot(this, "more"))
  }

  // Whether a message has lost this picture since the page was asked for.
  #isOvertaken({ message, picture }) {
    return this.#followed.get(message)?.has(picture) === false
  }

  #has(id) {
    return this.list.querySelector(`[data-picture="${CSS.escape(id)}"]`)
  }

  #show() {
    slot(this, "none").hidden = this.list.childElementCount > 0 || this.#fetching
    if (this.#onlyFavorites) return
    const newest = this.list.querySelector("img")
    bus.emit("newest-picture", newest?.getAttribute("src") ?? null)
  }
}

function newItem(card, message) {
  const item = document.importNode(document.getElementById("session_picture").content, true).firstElementChild
  const link = item.firstElementChild
  Object.assign(item.dataset, { picture: card.dataset.asset, message: message.dataset.id })
  Object.assign(link.dataset, {
    generation: card.dataset.id,
    kind: card.dataset.kind,
    favorite: isFavorite(card.dataset.asset) ? "yes" : "no",
  })
  link.href = `#${card.id}`
  link.setAttribute("aria-label", message.querySelector(".message__prompt")?.textContent ?? "")
  link.firstElementChild.src = `/files/${card.dataset.asset}/thumbnail.webp`
  return item
}

defineLater("beside", "session-pictures", SessionPictures)
