"""Child processes for work that is long (rendering) or dangerous (untrusted bytes), so that the event loop never waits.

`pool` is the parent's side, `child` the child's. A child runs a module that ends in `child.run(work)`. It gets no secrets,
inherits only three pipes (`bootstrap`), is confined before its first task (`confinement`, `syscalls`), has limits on memory
and CPU time, takes one task at a time, and ends with its parent. `forking` is for children that exceed their time often.
"""
