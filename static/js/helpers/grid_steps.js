// The keys that lead from picture to picture in rows of a grid.
const STEPS = { ArrowLeft: -1, ArrowRight: 1 }

/** The picture to which a key leads from one: the next or the one before, or the nearest of the next row. */
export function nextOf(picture, key, pictures) {
  const index = pictures.indexOf(picture)
  if (key in STEPS) return pictures[index + STEPS[key]]
  if (key !== "ArrowDown" && key !== "ArrowUp") return null
  const { left, width, top } = picture.getBoundingClientRect()
  const later = key === "ArrowDown" ? pictures.slice(index + 1) : pictures.slice(0, index).reverse()
  const rows = later.map((each) => [each, each.getBoundingClientRect()]).filter(([, box]) => box.top !== top)
  const row = rows.filter(([, box]) => box.top === rows[0][1].top)
  const far = ([, box]) => Math.abs(box.left + box.width / 2 - left - width / 2)
  return row.sort((a, b) => far(a) - far(b))[0]?.[0]
}
