"""The settings that lead to the server of the tests."""

from chatserver.config import Config

PASSWORD = "c@nary/pass"
FROM = "pictures@example.org"


def url(server, password="c%40nary%2Fpass"):
    return f"smtp://user:{password}@127.0.0.1:{server.port}"


def settings(server, **more):
    return Config(smtp_url=url(server), mail_from=FROM, public_url="https://pictures.example.org", **more)
