"""Pictures by OpenAI's images API, for programs that speak it already: the official clients, with `/api/v1` as base URL.

It is a second way to ask for what `generations` makes: in a session, for its credits, seen there by everyone. The answer
waits until the pictures are done. A request that is sent again costs nothing more (`keys`).
"""
