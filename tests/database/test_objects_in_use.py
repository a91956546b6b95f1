"""Functions, views, tables and columns of the schema are used by the program, or by another object that is."""

import re

from chatserver.runtime import paths

# Left for programs of this version's earlier days, beside which a new one may start; the first migration of the next version
# drops them (docs/database.md, "Migrations").
LEFT = {"my_sessions", "assets.favorite"}
DEFINED = """
    SELECT proname AS name, pg_get_functiondef(oid) AS text FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    UNION ALL SELECT relname, pg_get_viewdef(oid) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
    UNION ALL SELECT relname || '.' || attname, '' FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT relname, '' FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
# What uses objects without being one of them.
RULES = """
    SELECT coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), '') FROM pg_policy
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint
"""


async def test_no_object_is_there_for_nobody(admin):
    files = [*(paths.ROOT / "chatserver").rglob("*.py"), *(paths.SQL / "queries").glob("*.sql")]
    program = [path.read_text() for path in files]
    rules = [row[0] for row in await admin.fetch(RULES)]
    objects = await admin.fetch(DEFINED)
    used = set(re.findall(r"\w+", "\n".join([*program, *rules])))
    unused = set()
    for name, _ in objects:
        word = name.rpartition(".")[2]
        elsewhere = (text for other, text in objects if other != name)
        if word not in used and not any(re.search(rf"\b{word}\b", text) for text in elsewhere):
            unused.add(name)
    assert unused - LEFT == set()


def test_every_table_is_described():
    """In docs/database.md."""
    described = (paths.ROOT / "docs" / "database.md").read_text()
    migrations = "\n".join(path.read_text() for path in sorted((paths.SQL / "migrations").glob("*.sql")))
    tables = set(re.findall(r"CREATE (?:UNLOGGED )?TABLE (\w+)", migrations))
    tables -= set(re.findall(r"DROP TABLE (?:IF EXISTS )?(\w+)", migrations))
    assert {table for table in tables if f"`{table}`" not in described} == set()
