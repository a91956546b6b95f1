"""Albums: a person's own pictures and clips, gathered under a name in an order of their own. `service` has the verbs."""
