"""Verification, re-encoding and conversion of untrusted pictures and clips, in child processes with limits.

`processor` is the parent's side, `worker` the child process, `protocol` the messages between them. `pictures` and `clips`
are the child's functions from bytes to bytes, `size_limits` and `containers` their checks; `png_chunks`, `jpeg_segments` and
`profiles` read what a file says beside its pixels.
"""
