/** Where somebody is led whose dialog cannot be loaded. */
export const leadElsewhere = () => location.assign("/shares")

/**
 * Opens the dialog "share" or "album", whose script and markup are loaded when one is first asked for.
 * @param {string} script the address of js/pages/sharing.js, where the page has not loaded it
 * @param {object} subject what it is about: `assets` (ids of files), `session` (an id), `album` (an id, with its
 *   `name`), or `share` (the id of a link that is to be changed)
 */
export async function openSharing(name, subject, script) {
  if (script) await import(script)
  const dialogs = document.querySelector("sharing-dialogs") ?? document.createElement("sharing-dialogs")
  if (!dialogs.isConnected) document.body.append(dialogs)
  await dialogs.open(name, subject)
}
