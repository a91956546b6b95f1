// <notification-switch> around a checkbox: asks the browser's permission when it is turned on, and says where the browser
// refuses. The answer is this browser's; the wish is kept with the account when the form is saved.

export class NotificationSwitch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", this.ask)
    this.#tell()
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.ask)
  }

  ask = async () => {
    if (this.querySelector("input").checked && "Notification" in window && Notification.permission === "default") {
      await Notification.requestPermission()
    }
    this.#tell()
  }

  #tell() {
    const blocked = !("Notification" in window) || Notification.permission === "denied"
    this.querySelector("[data-blocked]").hidden = !(blocked && this.querySelector("input").checked)
  }
}

customElements.define("notification-switch", NotificationSwitch)
