// <album-editor data-album data-name>: the page of an album: its name, order, cover, and what is taken out of it.
// What is changed elsewhere is taken over, and moves nothing that is looked at.
import { call } from "../helpers/api.js"
import { attempt } from "../helpers/attempt.js"
import { removeLeaving } from "../helpers/deletions.js"
import { setFlag, setText, slot } from "../helpers/dom.js"
import { arrange, keepPlace, matchList } from "../helpers/lists.js"
import { morph } from "../helpers/morph.js"
import { openSharing } from "../helpers/sharing.js"
import { afterUndoPeriod } from "../helpers/undo.js"
import { PageRefresher } from "../models/page_refresher.js"
import { PendingMoves } from "../models/pending_moves.js"
import { Turns } from "../models/turns.js"

const FIELDS = ["name", "description"]

export class AlbumEditor extends HTMLElement {
  #cancelDeletion = null
  #turns = new Turns()
  #moves = new PendingMoves()
  #refresher = new PageRefresher(this, (fresh) => this.#take(fresh))

  connectedCallback() {
    this.addEventListener("click", this.onClick)
    slot(this, "form").addEventListener("submit", this.onSubmit)
    this.#refresher.start()
  }

  disconnectedCallback() {
    this.#refresher.stop()
  }

  onClick = (event) => {
    const button = event.target.closest("[data-action]")
    const act = button && this.#actions[button.dataset.action]
    if (act) this.#attempt(() => act(button, button.closest("[data-asset]")))
  }

  onSubmit = (event) => {
    event.preventDefault()
    const changes = this.#typed
    this.#attempt(async () => {
      const { album } = await this.#call("PATCH", "", changes)
      this.dataset.name = album.name
      setText(slot(this, "name"), album.name)
      setText(slot(this, "description"), album.description)
      slot(this, "description").hidden = !album.description
      for (const name of FIELDS) this.#field(name).defaultValue = album[name]
      this.#closeForm()
    })
  }

  // Only what is typed here is sent: the rest may have been changed elsewhere since.
  get #typed() {
    const fields = FIELDS.map((name) => [name, this.#field(name)])
    const typed = fields.filter(([, { value, defaultValue }]) => value !== defaultValue)
    return Object.fromEntries(typed.map(([name, { value }]) => [name, value]))
  }

  #field(name, within = this) {
    return within.querySelector(`#album-${name}`)
  }

  // What is told after it may be the same once more, and is said only where it is new.
  #attempt(change) {
    setText(slot(this, "told"), "")
    return this.#refresher.during(() => attempt(this, change))
  }

  #take(fresh) {
    if (!fresh) return location.replace("/albums")
    this.dataset.name = fresh.dataset.name
    for (const name of FIELDS) this.#field(name).defaultValue = this.#field(name, fresh).defaultValue
    for (const name of ["name", "description", "count", "empty"]) morph(slot(this, name), slot(fresh, name))
    const isEmpty = !slot(fresh, "empty").hidden
    for (const name of ["share", "arrange"]) this.querySelector(`[data-action="${name}"]`).hidden = isEmpty
    // Where the picture has gone after which this page begins, the answer is another page.
    if (fresh.hasAttribute("data-first") !== this.hasAttribute("data-first")) return
    const pictures = slot(this, "pictures")
    keepPlace([...pictures.children], () => matchList(pictures, slot(fresh, "pictures")))
    morph(slot(this, "pager"), slot(fresh, "pager"))
  }

  #actions = {
    share: () => openSharing("share", { album: this.dataset.album, name: this.dataset.name }),
    arrange: (button) => this.#arrange(button),
    edit: () => this.#openForm(),
    cancel: () => this.#closeForm(),
    delete: () => this.#delete(),
    undo: () => this.#undoDeletion(),
    earlier: (button, item) => this.#move(button, item, item.previousElementSibling),
    later: (button, item) => this.#move(button, item.nextElementSibling, item),
    cover: (_, item) => this.#choose(item),
    remove: (_, item) => this.#remove(item),
  }

  get #path() {
    return `/albums/${this.dataset.album}`
  }

  #call(method, path, body) {
    return this.#turns.take(() => call(method, `${this.#path}${path}`, body))
  }

  #arrange(button) {
    const on = button.getAttribute("aria-pressed") !== "true"
    button.setAttribute("aria-pressed", String(on))
    setFlag(this, "data-arranging", on)
  }

  #openForm() {
    slot(this, "form").hidden = false
    this.#field("name").focus()
  }

  #closeForm() {
    slot(this, "form").reset()
    // What <limited-text> said of what was typed.
    for (const name of FIELDS) this.#field(name).dispatchEvent(new Event("input", { bubbles: true }))
    slot(this, "form").hidden = true
    this.querySelector('[data-action="edit"]').focus()
  }

  // Two neighbours change places: at once in the page. Where the server refuses it, the order is the server's again,
  // with the moves that it has not answered.
  async #move(button, item, before) {
    if (!item || !before) return
    const list = item.parentElement
    const move = this.#moves.add(item, before, [...list.children])
    list.insertBefore(item, before)
    button.focus()
    try {
      await this.#call("POST", "/pictures/move", { asset_id: item.dataset.asset, before: before.dataset.asset })
      this.#moves.accept(move)
      const place = [...list.children].indexOf(button.closest("[data-asset]")) + 1
      setText(slot(this, "told"), `Now number ${place} of this page.`)
    } catch (error) {
      arrange(list, this.#moves.refuse(move))
      throw error
    }
  }

  async #choose(item) {
    await this.#call("PATCH", "", { cover_id: item.dataset.asset })
    for (const each of item.parentElement.children) setFlag(each, "data-cover", each === item)
    setText(slot(this, "told"), "This is the cover now.")
  }

  async #remove(item) {
    const { album } = await this.#call("POST", "/pictures/remove", { asset_ids: [item.dataset.asset] })
    const neighbour = item.nextElementSibling ?? item.previousElementSibling
    item.remove()
    if (neighbour) neighbour.querySelector('[data-action="remove"]').focus()
    setText(slot(this, "count"), `${album.count} ${album.count === 1 ? "picture or clip" : "pictures and clips"}`)
    slot(this, "empty").hidden = album.count > 0
    setText(slot(this, "told"), "Taken out of the album.")
  }

  #delete() {
    this.#cancelDeletion?.() // pressed once more
    slot(this, "gone").hidden = false
    this.querySelector('[data-action="undo"]').focus()
    this.#cancelDeletion = afterUndoPeriod(this.#sendDeletion)
  }

  #undoDeletion() {
    this.#cancelDeletion()
    slot(this, "gone").hidden = true
    this.querySelector('[data-action="delete"]').focus()
  }

  #sendDeletion = () =>
    this.#attempt(async () => {
      slot(this, "gone").hidden = true
      await removeLeaving(this.#path)
      location.assign("/albums")
    })
}

customElements.define("album-editor", AlbumEditor)
