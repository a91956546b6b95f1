/** Both kinds' credits as the page was rendered; events of type `credits` bring the later ones. */
export function renderedBalances() {
  const balances = {}
  for (const { dataset } of document.querySelectorAll("#details credit-balance")) {
    const { kind, limit, left, held, next } = dataset
    balances[kind] = { limit: Number(limit), left: Number(left), held: Number(held), next_at: next || null }
  }
  return balances
}
