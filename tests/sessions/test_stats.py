"""The statistics of a session: what is usual is said of alike pictures only, and of those of which enough were made."""

from chatserver.sessions import service as sessions
from tests.support.people import make_session, make_user, run_sql

MADE = """
  WITH said AS (
    INSERT INTO messages (id, session_id, user_id, author_kind, author_name, kind, text, client_id, seq)
    SELECT gen_random_uuid(), $1, $2, 'user', 'Ada', 'text', '', gen_random_uuid()::text, coalesce(max(seq), 0) + 1
      FROM messages WHERE session_id = $1 RETURNING id
  )
  INSERT INTO generations (id, message_id, session_id, user_id, kind, number, prompt, seed, width, height, model, status,
                           started_at, finished_at, steps)
  SELECT gen_random_uuid(), said.id, $1, $2, $3, 1, 'a boat', 7, $4, $5, $6, 'done', now() - make_interval(secs => $7),
         now(), $8
    FROM said"""


async def test_the_usual_time_is_that_of_alike_pictures_and_of_none_of_which_two_were_made(database):
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada)
    for seconds in (2, 3, 400):
        await run_sql(database, MADE, session, ada, "image", 128, 128, "m", seconds, None)
    for seconds in (14, 15, 16, 17):
        await run_sql(database, MADE, session, ada, "image", 1024, 1024, "m", seconds, None)
    for seconds in (90, 91, 92):
        await run_sql(database, MADE, session, ada, "image", 1024, 1024, "m", seconds, 80)
    for seconds in (60, 62):
        await run_sql(database, MADE, session, ada, "image", 1024, 1024, "another model", seconds, None)
    for seconds in (30, 31, 32):
        await run_sql(database, MADE, session, ada, "video", 1024, 1024, "m", seconds, None)
    told = (await database.run_as(ada, sessions.stats, [session]))[session]
    usual = {(each.kind, each.model, each.pixels, each.steps): each.seconds for each in told.usual}
    ours = {key[::2] + key[3:]: seconds for key, seconds in usual.items() if key[1] in {"m", "another model"}}
    small, large = 128**2, 1024**2
    assert ours == {
        ("image", small, None): 3,
        ("image", large, None): 15.5,
        ("image", large, 80): 91,
        ("video", large, None): 31,
    }
    assert told.median_seconds == next(each.seconds for each in told.usual if each.kind == "image")


async def test_pictures_of_which_no_start_is_known_count_for_nothing(database):
    ada = await make_user(database, "Ada")
    session = await make_session(database, ada)
    for _ in range(3):
        await run_sql(database, MADE, session, ada, "image", 256, 256, "imported", None, None)
    told = (await database.run_as(ada, sessions.stats, [session]))[session]
    assert [each for each in told.usual if each.model == "imported"] == []
