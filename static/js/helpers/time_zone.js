// The reader's time zone, by which the gallery has its days.

/** Tells the server, by a cookie, where the page was drawn for another zone, and loads the page once more. */
export function tellTimeZone(drawnFor) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (!zone || zone === drawnFor) return
  const known = document.cookie.includes(`timezone=${zone}`)
  document.cookie = `timezone=${zone}; path=/; max-age=31536000; samesite=lax`
  if (!known && document.cookie.includes(`timezone=${zone}`)) location.reload()
}
