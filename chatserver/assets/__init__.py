"""Assets: the files that generations made. The verbs are in `service`, imported as `assets`.

They are not re-exported: a message holds generations and assets (`messages.models`), while generations import their verbs.
"""
