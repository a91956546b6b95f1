"""STORAGE_URL, right and wrong."""

from pathlib import Path

import pytest

from chatserver import config as configuration
from chatserver import storage
from chatserver.errors import ConfigurationError
from chatserver.storage.address import S3Address, folder_of, reader_origins, s3_address


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:/srv/files", "/srv/files"),
        ("file:///srv/files", "/srv/files"),
        ("file://localhost/srv/files", "/srv/files"),
        ("file:files", "files"),
        ("file:/srv/my%20files", "/srv/my files"),
    ],
)
def test_a_folder_is_named_in_every_usual_way(url, folder):
    assert folder_of(url) == Path(folder)


@pytest.mark.parametrize("url", ["file:", "file://server/share", "file:/a?b=c", "file:/a#b"])
def test_a_folder_that_is_none_stops_the_start(url):
    with pytest.raises(ConfigurationError, match="STORAGE_URL must name a folder"):
        folder_of(url)


def test_a_home_folder_of_nobody_stops_the_start():
    with pytest.raises(ConfigurationError, match="STORAGE_URL begins with ~"):
        folder_of("file:~no-such-user/files")


def test_a_bucket_with_everything():
    url = "s3://pictures/some/where?endpoint=http://127.0.0.1:9000&region=eu-west-1&path_style=no"
    assert s3_address(url) == S3Address(
        images_bucket="pictures",
        videos_bucket="pictures",
        prefix="some/where/",
        endpoint="http://127.0.0.1:9000",
        region="eu-west-1",
        path_style=False,
    )


def test_amazon_needs_only_the_bucket_and_others_get_it_in_the_path():
    assert s3_address("s3://pictures") == S3Address(images_bucket="pictures", videos_bucket="pictures")
    assert s3_address("s3://pictures?endpoint=https://s3.example.org").path_style


def test_without_a_bucket_there_are_two():
    address = s3_address("s3://?endpoint=http://127.0.0.1:9000")
    assert (address.images_bucket, address.videos_bucket) == ("generated-images", "generated-videos")


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("s3://b?endpoint=http://127.0.0.1:9000", ["http://127.0.0.1:9000"]),
        ("s3://b?endpoint=http://inside:9000&public_endpoint=https://s3.example.org", ["https://s3.example.org"]),
        (
            "s3://b?region=eu-west-1",
            [
                "https://s3.eu-west-1.amazonaws.com",
                "https://b.s3.eu-west-1.amazonaws.com",
                "https://b.s3.amazonaws.com",
            ],
        ),
        (
            "s3://?endpoint=https://s3.example.org&path_style=no",
            [
                "https://s3.example.org",
                "https://generated-images.s3.example.org",
                "https://generated-videos.s3.example.org",
            ],
        ),
    ],
)
def test_the_pages_may_load_from_where_readers_are_sent(url, origins):
    assert reader_origins(s3_address(url)) == origins


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://key:secret@bucket", "hold no keys"),
        ("s3://bucket?endpiont=http://x", "do not know: endpiont"),
        ("s3://bucket?endpoint=ftp://x", "endpoint must start with http"),
        ("s3://bucket?path_style=perhaps", "path_style must be yes or no"),
        ("s3://bucket/../other", "prefix may hold"),
        ("s3://bucket/a#b?endpoint=http://x", "has a #"),
        ("s3://bucket?region=eu central", "region may hold"),
    ],
)
def test_a_wrong_address_says_what_is_wrong_and_no_secret(url, why):
    with pytest.raises(ConfigurationError, match=why) as caught:
        s3_address(url)
    assert "secret" not in caught.value.message


async def test_without_an_address_files_lie_in_the_data_folder(tmp_path):
    data = tmp_path / "da ta?#%41"
    opened = await storage.open_storage(configuration.load({}, data_dir=data))
    await opened.put("a/1.png", b"x", "image/png")
    assert (data / "files" / "a" / "1.png").read_bytes() == b"x"
    await opened.close()
    assert await storage.create_storage(configuration.load({}, data_dir=data)) == [str(data / "files")]
