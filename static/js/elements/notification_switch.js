// <notification-switch> around a checkbox: asks for the browser's permission when it is turned on, and shows where the
// browser blocks notifications. The permission belongs to this browser; the preference is stored with the account by
// the form.

export class NotificationSwitch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", this.onChange)
    this.#showBlocked()
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.onChange)
  }

  onChange = async () => {
    if (this.querySelector("input").checked && "Notification" in window && Notification.permission === "default") {
      await Notification.requestPermission()
    }
    this.#showBlocked()
  }

  #showBlocked() {
    const blocked = !("Notification" in window) || Notification.permission === "denied"
    this.querySelector("[data-blocked]").hidden = !(blocked && this.querySelector("input").checked)
  }
}

customElements.define("notification-switch", NotificationSwitch)
