"""The gallery: everything that somebody had made, found by day and month, by filters and by words. Verbs: `service`."""
