"""Child processes for work that is long (drawing) or dangerous (strangers' bytes), so that the loop never waits.

`pool` is the parent's side, `child` the other one. A child is a module that ends in `child.run(work)` when run as a
program; it holds no secrets, inherits three pipes and nothing else (`start`), is locked in before its first task
(`confinement`), has limits on memory and CPU time, takes one task at a time, and ends with its parent.
"""
