from tests.support import people


async def test_a_user_can_be_made_and_read(database, published):
    ada = await people.make_user(database, "Ada")
    session = await people.make_session(database, ada)
    rows = await people.run_sql_as(database, ada, "SELECT id FROM user_sessions")
    assert [row["id"] for row in rows] == [session]
    assert len(await people.run_sql_as(database, ada, "SELECT 1 FROM credits")) == 10
