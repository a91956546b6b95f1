"""Pictures and clips from anyone, made safe inside a limited child process (`python -m chatserver.imaging.worker`).

Pure functions from bytes to bytes; the parent's side is `chatserver.imaging.workshop`.
"""
