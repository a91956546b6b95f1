"""The operator's pages: what works, who waits, what it costs, and the levers beside the figures."""
