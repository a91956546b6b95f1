"""Archives of pictures hold what the downloads of each would: the file itself, or its copy with the visible mark."""

import io
import zipfile

import pytest

from chatserver.assets import delivery, streams
from chatserver.assets.delivery import FileParts
from chatserver.config import Config
from chatserver.errors import Busy
from chatserver.gallery import archiving
from chatserver.gallery import service as gallery
from chatserver.imaging.processor import ImageProcessor
from chatserver.provenance.sealer import open_sealer
from chatserver.storage.filesystem import FolderStorage
from tests.assets.session_files import SECRET_KEY, SessionFiles, clip, picture
from tests.support.people import run_sql


@pytest.fixture(scope="module")
async def parts(database, tmp_path_factory):
    storage = FolderStorage(tmp_path_factory.mktemp("files"))
    await storage.create()
    processor, sealer = (
        ImageProcessor(size=1),
        open_sealer(Config(data_dir=tmp_path_factory.mktemp("data")), SECRET_KEY),
    )
    yield FileParts(database, storage, processor, sealer, "ada")
    await processor.close()
    await sealer.close()
    await storage.close()


async def packed(response) -> zipfile.ZipFile:
    data = b"".join([chunk async for chunk in response.body_iterator])
    assert int(response.headers["content-length"]) == len(data)
    return zipfile.ZipFile(io.BytesIO(data))


async def test_an_archive_has_the_files_or_their_marked_copies_and_names_what_is_missing(database, parts):
    here = await SessionFiles.fill(database, parts.storage)
    made = [
        await here.create_file(picture(1, 128)),
        await here.create_file(clip(), "waves"),
        await here.create_file(picture(2)),
    ]
    files = await database.run_as(here.ada, gallery.files, [each.id for each in made])
    assert {file.id for file in files} == {each.id for each in made}
    assert await database.run_as(here.mallory, gallery.files, [each.id for each in made]) == []
    by_name = {file.filename: file for file in files}
    plain = await packed(await archiving.respond(parts, [], here.ada, files, "all.zip"))
    for name, file in by_name.items():
        assert plain.read(name) == await parts.storage.get(file.storage_key)
    marked = await packed(await archiving.respond(parts, [delivery.ALL_PLANS], here.ada, files, "all.zip"))
    for name, file in by_name.items():
        same = marked.read(name) == await parts.storage.get(file.storage_key)
        assert same is (file.kind == "video"), name
    lost = by_name[made[2].filename]
    await parts.storage.delete(lost.storage_key)
    some = await packed(await archiving.respond(parts, [], here.ada, files, "all.zip"))
    assert lost.filename in some.read("missing.txt").decode()
    assert set(some.namelist()) == {*by_name, "missing.txt"} - {lost.filename}


async def test_what_is_hidden_or_deleted_while_an_archive_is_sent_is_left_out_from_then_on(database, parts):
    here = await SessionFiles.fill(database, parts.storage)
    made = [await here.create_file(picture(number)) for number in (1, 2, 3)]
    files = await database.run_as(here.ada, gallery.files, [each.id for each in made])
    response = await archiving.respond(parts, [], here.ada, files, "all.zip")
    hidden, deleted = files[1], files[2]
    data = [await anext(response.body_iterator)]  # the first one's header
    await run_sql(database, "UPDATE assets SET status = 'hidden' WHERE id = $1", hidden.id)
    await run_sql(database, "UPDATE assets SET status = 'deleted' WHERE id = $1", deleted.id)
    data += [chunk async for chunk in response.body_iterator]
    whole = b"".join(data)
    assert int(response.headers["content-length"]) == len(whole)
    archive = zipfile.ZipFile(io.BytesIO(whole))
    assert archive.namelist() == [
        files[0].filename,
        f"{hidden.filename}.missing.txt",
        f"{deleted.filename}.missing.txt",
    ]


async def test_an_archive_goes_on_where_the_database_is_away_for_a_moment(database, parts, monkeypatch):
    here = await SessionFiles.fill(database, parts.storage)
    made = [await here.create_file(picture(number)) for number in (1, 2)]
    files = await database.run_as(here.ada, gallery.files, [each.id for each in made])
    response = await archiving.respond(parts, [], here.ada, files, "all.zip")
    run_as, failures = database.run_as, [Busy(), Busy()]

    async def be_away(*args):
        if failures:
            raise failures.pop()
        return await run_as(*args)

    monkeypatch.setattr(database, "run_as", be_away)
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.001)
    assert (await packed(response)).namelist() == [file.filename for file in files]
    assert not failures
