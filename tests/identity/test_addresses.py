"""Addresses of visitors: one subscriber counts once, and is not named to other processes."""

import re

from chatserver.identity.addresses import hidden, subnet_of


def test_an_ipv6_subscriber_is_one_address_however_many_they_pick() -> None:
    assert subnet_of("2001:db8:1:2::1") == subnet_of("2001:db8:1:2:ffff::9")
    assert subnet_of("2001:db8:1:2::1") != subnet_of("2001:db8:1:3::1")
    assert subnet_of("203.0.113.9") == "203.0.113.9"
    assert subnet_of("testclient") == "testclient"


def test_a_hidden_address_is_the_same_everywhere_and_shows_nothing() -> None:
    name = hidden("203.0.113.9", "the installation's key")
    assert name == hidden("203.0.113.9", "the installation's key")
    assert name not in {hidden("203.0.113.8", "the installation's key"), hidden("203.0.113.9", "another key")}
    assert re.fullmatch("[0-9a-f]{32}", name)
    assert hidden("2001:db8::1", "key") == hidden("2001:db8::2", "key")
    assert hidden("", "key") != hidden("\udcff", "key")
