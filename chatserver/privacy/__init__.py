"""Deletion and export across features: sessions, whole accounts, and a copy of a user's data. Each feature's own verbs do
the work on its rows; this package calls them in the order of their locks."""
