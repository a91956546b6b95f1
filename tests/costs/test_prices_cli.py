"""`chatserver prices …`, as the operator types it."""

import asyncio
import json
import sys

from tests.support.people import run_sql
from tests.support.product import environment

# Several commands in one process: starting Python takes most of the time.
ONE_AFTER_THE_OTHER = """
import json, sys
from chatserver.cli import app
from chatserver.errors import ChatserverError
for line in json.loads(sys.argv[1]):
    try:
        app(["prices", *line], standalone_mode=False)
    except ChatserverError as error:
        print(error.message)
"""


async def test_prices_are_set_imported_whole_or_not_at_all_and_listed(database, database_url, tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.json"
    good.write_text("provider,model,kind,unit,amount,currency\nhuggingface,a/b,image,megapixel,0.025,USD\n")
    price = {"provider": "nobody", "kind": "video", "unit": "second", "amount": 1, "currency": "USD"}
    bad.write_text(json.dumps([price, {**price, "amount": "much"}], indent=0))
    lines = [
        ["set", "huggingface", "0.04", "usd"],
        ["import", str(good)],
        ["import", str(good)],
        ["import", str(bad)],
        ["import", str(tmp_path / "none.csv")],
        ["set", "huggingface", "1,000", "USD"],
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(lines)),
        env=environment(tmp_path, DATABASE_URL=database_url, COLUMNS="200"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await asyncio.wait_for(process.communicate(), 90))[0].decode()
    assert "1 prices read, 1 of them new." in output
    assert "1 prices read, 0 of them new." in output
    assert "Line 9: amount must be a number" in output
    assert "none.csv cannot be read: No such file or directory." in output
    assert output.count("in effect") == 1
    rows = await run_sql(database, "SELECT provider, model, unit, amount::float8 AS amount FROM prices ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [
        ("huggingface", "", "picture", 0.04),
        ("huggingface", "a/b", "megapixel", 0.025),
    ]
    entries = await run_sql(database, "SELECT action, actor FROM audit_entries ORDER BY id")
    assert [tuple(row.values()) for row in entries] == [
        ("price.set", "command line"),
        ("price.imported", "command line"),
    ]
