"""Which parts of the product a process runs."""

import enum


class ProcessRole(enum.StrEnum):
    """`all` serves and works on generations too."""

    all = "all"
    web = "web"
    worker = "worker"
