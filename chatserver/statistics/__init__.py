"""What providers were asked and what came of it: one row for each call, kept beyond the sessions that it was made for."""
