"""Codes are made, listed and withdrawn on the operator's page and on the command line; they are shown once."""

import asyncio
import json
import re
import sys

from chatserver import codes
from chatserver.audit import service as audit
from chatserver.audit.models import AuditFilter
from chatserver.users.models import Visitor
from tests.support.product import environment

CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b")
# Several commands in one process: starting Python takes most of the time.
ONE_AFTER_THE_OTHER = """
import json, sys
from chatserver.cli import app
for line in json.loads(sys.argv[1]):
    app(["codes", *line], standalone_mode=False)
"""


async def test_codes_are_shown_once_listed_by_batch_and_withdrawn(operator, product, database, ada):
    page = await operator.visit("/admin/codes")
    assert "before the setting CHECKOUT names" in page.text
    form = {**page.forms["/admin/codes"], "plan_id": "pro", "expires": "2030-01-01", "note": "<b>prize</b>"}
    for field, value in (("count", "many"), ("count", "501"), ("price", "1,000"), ("expires", "soon")):
        refused = await operator.post("/admin/codes", {**form, "count": "2", "expires": "90d", field: value})
        assert refused.status == 422 and refused.forms["/admin/codes"][field] == value
    made = await operator.post("/admin/codes", {**form, "count": "3", "expires": "90d"})
    assert (made.status, made.headers["Cache-Control"]) == (200, "no-store")
    first, second, third = dict.fromkeys(CODE.findall(made.text))
    await codes.redeem(database, ada.id, first, Visitor(address="192.0.2.9"))

    [batch] = [each for each in await database.run_system(codes.batches) if each.note == "<b>prize</b>"]
    listed = (await operator.visit("/admin/codes")).text
    assert "&lt;b&gt;prize" in listed and not CODE.search(listed)
    path = f"/admin/codes/{batch.id}"
    shown = await operator.visit(path)
    assert f"/admin/people/{ada.id}" in shown.text and not CODE.search(shown.text)
    last = [each.id for each in await database.run_system(codes.of_batch, batch.id)][-1]
    token = shown.forms[f"{path}/revoke"]["csrf_token"]
    await operator.post(f"{path}/revoke", {"csrf_token": token, "code_id": last})
    states = [each.state for each in await database.run_system(codes.of_batch, batch.id)]
    assert states == ["redeemed", "unused", "withdrawn"]
    await operator.post(f"{path}/revoke", {"csrf_token": token})
    states = [each.state for each in await database.run_system(codes.of_batch, batch.id)]
    assert states == ["redeemed", "withdrawn", "withdrawn"]
    assert {second, third}.isdisjoint(CODE.findall(product.output())), "no log has a code"
    entries = await database.run_system(audit.page, AuditFilter(target=batch.id), None, 9)
    assert [(entry.action, entry.actor) for entry in entries] == [("codes.withdrawn", "Grace"), ("codes.made", "Grace")]
    for status, address in (
        (404, f"/admin/codes/{last}"),
        (404, "/admin/codes/nonsense"),
        (404, "/admin/codes?before=x"),
    ):
        assert (await operator.visit(address)).status == status


async def test_the_command_line_prints_codes_alone_and_says_the_rest_beside(database, database_url, tmp_path):
    async def types(*lines):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(lines)),
            env=environment(tmp_path, DATABASE_URL=database_url, COLUMNS="250"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, beside = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, output.decode(), beside.decode()

    make = ["make", "--plan", "flash", "--count", "2", "--expires", "30d", "--price", "49"]
    code, output, beside = await types(make, ["list"])
    assert code == 0, beside
    printed = output.splitlines()[:2]
    assert all(CODE.fullmatch(line) for line in printed)
    batch = (await database.run_system(codes.batches))[0]
    assert (batch.plan_id, batch.made, batch.amount, batch.made_by) == ("flash", 2, "49.00", "command line")
    assert batch.id in beside and "CHECKOUT does not name codes" in beside
    listed = output.partition(printed[1])[2]
    assert batch.id in listed and not CODE.search(listed)
    code, output, _ = await types(["revoke", batch.id], ["list", "--batch", batch.id])
    assert (code, output.count("withdrawn")) == (0, 3)
