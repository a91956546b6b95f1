"""What the nodes of one installation know of each other: who is where, and which of them can serve."""
