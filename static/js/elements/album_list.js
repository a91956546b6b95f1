// <album-list>: one's albums, as they are now.
import { slot } from "../helpers/dom.js"
import { keepPlace, matchList } from "../helpers/lists.js"
import { morph } from "../helpers/morph.js"
import { PageRefresher } from "../models/page_refresher.js"

export class AlbumList extends HTMLElement {
  #refresher = new PageRefresher(this, (fresh) => fresh && this.#take(fresh))

  connectedCallback() {
    this.#refresher.start()
  }

  disconnectedCallback() {
    this.#refresher.stop()
  }

  #take(fresh) {
    const cards = slot(this, "cards")
    keepPlace([...cards.children], () => matchList(cards, slot(fresh, "cards")))
    for (const name of ["empty", "pager"]) morph(slot(this, name), slot(fresh, name))
  }
}

customElements.define("album-list", AlbumList)
