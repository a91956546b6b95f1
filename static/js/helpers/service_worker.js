/** Installs the service worker, which serves the offline page and the static files. */
export function installServiceWorker() {
  if (!("serviceWorker" in navigator) || !window.isSecureContext) return
  addEventListener("load", () => navigator.serviceWorker.register("/service-worker.js").catch(() => {}))
}
