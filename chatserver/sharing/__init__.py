"""Share links: what somebody shows to people without an account. `service` is their maker's side, `visits` the visitors'."""
