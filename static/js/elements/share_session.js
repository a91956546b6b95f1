// <share-session data-session>: a button that shares what one has made in a session.
import { leadElsewhere, openSharing } from "../helpers/sharing.js"

export class ShareSession extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.onClick)
  }

  onClick = () => openSharing("share", { session: this.dataset.session }).catch(leadElsewhere)
}

customElements.define("share-session", ShareSession)
