"""Signed statements of where a file comes from: C2PA manifests (Content Credentials), written and read in child processes.

`sealer` is the parent's side, `worker` the child process, `protocol` the messages between them. `certificates` are what
manifests are signed with. What they say comes from `imaging.protocol.Provenance`; see docs/provenance.md.
"""
