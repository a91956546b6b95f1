"""Addresses in any spelling: each is put into one form at the start, the one that a browser would say."""

import pytest

from chatserver import config
from chatserver.config import Config
from chatserver.errors import ConfigurationError
from chatserver.net import urls
from chatserver.storage.address import s3_address
from chatserver.web import hosts

SPELLINGS = {
    "https://Pictures.Example.org": "https://pictures.example.org",
    "HTTPS://pictures.example.org:443/": "https://pictures.example.org",
    "https://pictures.example.org:0443": "https://pictures.example.org",
    "https://pictures.example.org.": "https://pictures.example.org",
    "https://pictures.example.org:": "https://pictures.example.org",
    "http://pictures.example.org:80/": "http://pictures.example.org",
    "https://pictures.example.org:8443//": "https://pictures.example.org:8443",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://BÜCHER.example/": "https://xn--bcher-kva.example",
    "https://b%C3%BCcher.example": "https://xn--bcher-kva.example",
    "https://bücher。example": "https://xn--bcher-kva.example",
    "https://XN--Bcher-Kva.example": "https://xn--bcher-kva.example",
    "https://faß.example": "https://xn--fa-hia.example",
    "https://☃.example": "https://xn--n3h.example",
    "https://my_house.example": "https://my_house.example",
    "http://[2001:DB8:0:0:0:0:0:1]:8000": "http://[2001:db8::1]:8000",
    "http://[::ffff:10.0.0.1]": "http://[::ffff:a00:1]",
    "http://[::1]:80": "http://[::1]",
    "http://127.1:8000": "http://127.0.0.1:8000",
    "http://0x7f000001": "http://127.0.0.1",
}


@pytest.mark.parametrize("written", SPELLINGS)
def test_the_public_address_is_put_into_the_form_that_browsers_say(written):
    loaded = config.load({"PUBLIC_URL": written})
    assert loaded.origin == SPELLINGS[written]
    scope = {"type": "http", "scheme": "http", "headers": [(b"host", b"127.0.0.1:8000")]}
    assert hosts.is_own_origin(loaded, scope, SPELLINGS[written])
    assert not hosts.is_own_origin(loaded, scope, "https://evil.example")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.org/chat", "path"),
        ("https://example.org/chat/", "path"),
        ("https://example.org//chat", "path"),
        ("https://example.org/%2e%2e/chat", "path"),
        ("https://example.org/;a", "path"),
        ("https://ada:geheim@example.org", "name and no password"),
        ("https://@example.org", "name and no password"),
        ("https://example.org/?x=geheim", "`?` or `#`"),
        ("https://example.org#geheim", "`?` or `#`"),
        ("https://", "names no host"),
        ("https:example.org", "names no host"),
        ("https:\\\\example.org", "names no host"),
        ("https://exam ple.org", "names no host"),
        ("https://example.org\\chat", "names no host"),
        ("https://a..b", "names no host"),
        ("https://[::g]", "names no host"),
        ("https://[fe80::1%eth0]", "names no host"),
        ("https://1.2.3.256", "names no host"),
        ("https://example.org:99999", "names no host"),
        ("https://example.org:eight", "names no host"),
        ("https://exa\x00mple.org", "control character"),
        ("pictures.example.org", "http: or https:"),
        ("ftp://example.org", "http: or https:"),
    ],
)
def test_a_public_address_that_cannot_be_served_stops_the_start_with_one_line(url, words):
    with pytest.raises(ConfigurationError) as refusal:
        config.load({"PUBLIC_URL": url})
    assert refusal.value.message.startswith("PUBLIC_URL ")
    assert words in refusal.value.message
    assert "\n" not in refusal.value.message
    assert "geheim" not in refusal.value.message


@pytest.mark.parametrize("name", ["HF_ENDPOINT", "HF_ROUTER_URL", "CHAT_BASE_URL", "IMAGE_BASE_URL"])
def test_a_services_address_has_one_form_and_keeps_its_path(name):
    def read(url):
        return getattr(config.load({name: url}), name.lower())

    assert read("HTTP://Models.Lan.:80/V1//") == "http://models.lan/V1"
    assert read("https://bücher.example:443/v1/") == "https://xn--bcher-kva.example/v1"
    assert read("http://[::1]:11434/v1") == "http://[::1]:11434/v1"
    for wrong in ("http://ada:geheim@models.lan/v1", "http://models.lan/v1?key=geheim", "http:///v1", "http://a b/v1"):
        with pytest.raises(ConfigurationError) as refusal:
            read(wrong)
        assert refusal.value.message.startswith(f"{name} ")
        assert "\n" not in refusal.value.message
        assert "geheim" not in refusal.value.message


def test_the_addresses_of_engines_have_one_form_and_keep_what_they_carry():
    loaded = config.load(
        {
            "DATABASE_URL": "PostgreSQL://Ada:Geheim%23@DB.Example.org:5432/Chat?sslmode=require",
            "REDIS_URL": "REDISS://H/1",
        }
    )
    assert loaded.database_url == "postgresql://Ada:Geheim%23@db.example.org:5432/Chat?sslmode=require"
    assert loaded.redis_url == "rediss://h/1"
    for kept in (
        "postgresql:///chat?host=/run/postgresql",
        "postgresql://u:p@one,two:5433/chat",
        "postgresql://u@%2Frun%2Fpostgresql/chat",
        "postgresql://[::1]:5432/chat",
    ):
        assert config.load({"DATABASE_URL": kept}).database_url == kept
    assert config.load({"REDIS_URL": "unix:///run/Redis.sock?db=1"}).redis_url == "unix:///run/Redis.sock?db=1"
    assert config.load({"DATABASE_URL": "postgres://bücher.example/c"}).database_url == (
        "postgres://xn--bcher-kva.example/c"
    )


@pytest.mark.parametrize("password", ["ge#heim", "ge/heim", "ge?heim", "1#geheim", "ge[heim"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_password_with_a_sign_of_addresses_in_it_is_said_and_not_repeated(name, password):
    scheme = {"DATABASE_URL": "postgresql", "REDIS_URL": "redis"}[name]
    with pytest.raises(ConfigurationError, match=f"{name} cannot be read") as refusal:
        config.load({name: f"{scheme}://ada:{password}@db.example.org/chat"})
    assert "heim" not in refusal.value.message
    assert "%23" in refusal.value.message


def test_the_stores_address_has_one_form():
    url = "S3://Bucket/prefix?endpoint=HTTPS://Store.Example.org:443/&public_endpoint=http://bücher.example:80"
    address = s3_address(config.load({"STORAGE_URL": url}).storage_url)
    assert address.images_bucket == "Bucket"
    assert (address.endpoint, address.public_endpoint) == ("https://store.example.org", "http://xn--bcher-kva.example")
    with pytest.raises(ConfigurationError, match="STORAGE_URL's endpoint names no host") as refusal:
        s3_address("s3://bucket?endpoint=https://")
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize("text", ["s3:pictures", "s3:/pictures/2026", "S3:pictures?region=eu-west-3"])
def test_a_bucket_without_its_two_slashes_is_no_folder_of_another_bucket(text):
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix"):
        s3_address(config.load({"STORAGE_URL": text}).storage_url)


def test_hosts_of_results_have_one_form():
    loaded = config.load(
        {"HF_RESULT_HOSTS": " *.FAL.media , bücher.example, Files.example.org., https://Own.lan:443/ "}
    )
    assert loaded.hf_result_hosts == (
        "*.fal.media",
        "xn--bcher-kva.example",
        "files.example.org",
        "https://own.lan",
    )


@pytest.mark.parametrize(
    ("host", "port", "origin"),
    [
        ("127.0.0.1", 8000, "http://localhost:8000"),
        ("::1", 8000, "http://localhost:8000"),
        ("[::]", 80, "http://localhost"),
        ("2001:DB8::1", 8000, "http://[2001:db8::1]:8000"),
        ("Pictures.LAN", 80, "http://pictures.lan"),
    ],
)
def test_without_a_public_address_the_host_and_port_make_one(host, port, origin):
    assert config.load({"HOST": host, "PORT": str(port)}).origin == origin


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({"public_url": "https://Pictures.Example.org"}, "PICTURES.example.ORG"),
        ({"public_url": "https://Pictures.Example.org"}, "pictures.example.org."),
        ({"public_url": "https://Pictures.Example.org"}, "pictures.example.org:443"),
        ({"public_url": "https://Pictures.Example.org"}, "pictures.example.org:"),
        ({"public_url": "https://bücher.example"}, "xn--bcher-kva.example"),
        ({"public_url": "http://[2001:db8:0::1]"}, "[2001:DB8::1]:80"),
        ({"host": "2001:DB8::1"}, "[2001:db8:0:0::1]:8000"),
        ({"host": "Pictures.LAN"}, "pictures.lan:8000"),
        ({}, "LOCALHOST:8000"),
        ({}, "localhost.:8000"),
        ({}, "[0:0:0:0:0:0:0:1]:8000"),
    ],
)
def test_a_host_header_is_our_own_in_any_spelling(settings, host):
    assert hosts.is_own_host(Config(**settings), host)


@pytest.mark.parametrize(
    "host", ["evil.example", "pictures.example.org.evil.example", "pictures.example.org..", "[::2]"]
)
def test_a_host_header_that_only_looks_alike_is_foreign(host):
    assert not hosts.is_own_host(Config(public_url="https://pictures.example.org"), host)


@pytest.mark.parametrize(
    ("settings", "scheme", "host", "origin"),
    [
        ({}, "http", "LOCALHOST:8000", "http://localhost:8000"),
        ({}, "http", "localhost.:8000", "http://localhost.:8000"),
        ({}, "https", "localhost:443", "https://localhost"),
        ({}, "http", "[0::1]:8000", "http://[::1]:8000"),
        ({"public_url": "https://p.example.org"}, "https", "P.Example.org:443", "https://p.example.org"),
        ({"public_url": "https://p.example.org"}, "http", "p.example.org.", "https://p.example.org."),
    ],
)
def test_an_origin_is_our_own_in_any_spelling(settings, scheme, host, origin):
    scope = {"type": "http", "scheme": scheme, "headers": [(b"host", host.encode())]}
    assert hosts.is_own_origin(Config(**settings), scope, origin)


@pytest.mark.parametrize(
    "origin", ["null", "", "https://p.example.org/x", "https://p.example.org@evil.example", "p.example.org", "\x00"]
)
def test_what_is_no_origin_is_not_ours(origin):
    scope = {"type": "http", "scheme": "https", "headers": [(b"host", b"p.example.org")]}
    assert not hosts.is_own_origin(Config(public_url="https://p.example.org"), scope, origin)


def test_the_form_of_an_address_does_not_change_again():
    for origin in SPELLINGS.values():
        assert urls.origin_of(origin) == origin
