// Installs the worker that keeps the frame of the product and its offline page.

export function installServiceWorker() {
  if (!("serviceWorker" in navigator) || !window.isSecureContext) return
  addEventListener("load", () => navigator.serviceWorker.register("/service-worker.js").catch(() => {}))
}
