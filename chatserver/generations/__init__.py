"""Generations: pictures and clips being made, their queue and their worker. The verbs are in `service`, imported as
`generations`.

They are not re-exported: a message holds generations (`messages.models`), while their verbs change messages.
"""
