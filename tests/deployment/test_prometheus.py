"""The alert rules and the dashboard of deploy/, by Debian's promtool and a Prometheus that scrapes a running product."""

import asyncio
import json
import re
import shutil
import subprocess
from contextlib import asynccontextmanager

import aiohttp
import pytest
import yaml

from tests.support import ports
from tests.support.dockerfile import ROOT
from tests.support.guards import Guard
from tests.support.product import running
from tests.support.story import sign_up

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "chatserver.json"
TOKEN, DRILL = "a token for machines", "impossible"
# Prometheus itself makes it, for each target.
OF_PROMETHEUS = {"up"}
OF_ONE_PROCESS = {"chatserver_connections", "chatserver_open_sessions"}
NO_METRICS = {"and", "or", "unless", "bool", "offset"}


def expressions():
    """Each expression of the rules and of the dashboard, by the name of its alert or panel."""
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = {f"{each['title']} {target['refId']}": target["expr"] for each in panels for target in each["targets"]}
    return {each["alert"]: each["expr"] for each in rules}, shown


def metrics_of(expression):
    """The names of the metrics that an expression asks for."""
    for without in (r'"[^"]*"', r"\{[^}]*\}", r"\[[^\]]*\]", r"\b(?:by|without|on|ignoring)\s*\([^)]*\)"):
        expression = re.sub(without, " ", expression)
    return set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", expression)) - NO_METRICS - {"by", "without"}


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    settings = {"DATABASE_URL": database_url, "METRICS_TOKEN": TOKEN, "SKETCH_FAIL": DRILL}
    async with running(tmp_path_factory.mktemp("product"), **settings) as process:
        chat = await (ada := await sign_up(process, "Ada")).joins(await ada.buys())
        for prompt in ("a garden", DRILL):
            await chat.sees_ended(await chat.generates(prompt, width=64, height=64))
        yield process
        await chat.leaves()


@asynccontextmanager
async def scraping(product, folder):
    """A Prometheus with the rules, which asks the product each second."""
    port = ports.reserve()
    shutil.copy(RULES, folder)
    job = {
        "job_name": "chatserver",
        "static_configs": [{"targets": [product.url.removeprefix("http://")]}],
        "authorization": {"credentials": TOKEN},
    }
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [RULES.name],
        "scrape_configs": [job],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    process = await asyncio.create_subprocess_exec(
        *("prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"),
    )
    guard = Guard('kill -KILL "$1"', str(process.pid))
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        process.kill()
        await process.wait()
        guard.dismiss()


async def answer(client, path, **query):
    """What Prometheus answers, once it listens."""
    while True:
        try:
            async with client.get(path, params=query) as response:
                if response.status != 503:
                    return await response.json()
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.05)


def test_promtool_accepts_the_rules_and_each_fires_on_what_it_is_about(tmp_path):
    shutil.copy(RULES, tmp_path)
    shutil.copy(ROOT / "tests" / "deployment" / "alerts_test.yml", tmp_path)
    for words in (["check", "rules", RULES.name], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_seen_to_fire():
    tested = yaml.safe_load((ROOT / "tests" / "deployment" / "alerts_test.yml").read_text())["tests"]
    fired = {each["alertname"] for test in tested for each in test["alert_rule_test"] if each.get("exp_alerts")}
    assert fired == set(expressions()[0])


def test_what_to_do_is_written_for_each_alert_and_for_no_other():
    _, _, after = (ROOT / "docs" / "operations.md").read_text().partition("## What to do when\n")
    told = re.findall(r"`(Chatserver\w+)`", after.partition("\n## ")[0])
    assert sorted(told) == sorted(expressions()[0])


def test_a_name_is_found_wherever_it_stands_in_an_expression():
    expression = 'sum by (a, b) (rate(c_total{d="e"}[5m])) / f > 0 and max without (g) (h{i=~"j|k"}) or vector(0)'
    assert metrics_of(expression) == {"c_total", "f", "h"}


def test_a_figure_of_one_process_is_looked_at_over_minutes():
    # Of the processes that share a port one answers a scrape, and the others have no figure at that moment. What each says
    # of the database is the same.
    over_minutes = r"\b(?:\w+_over_time|rate|increase|changes)\([^()]*\)"
    rules, panels = expressions()
    for name, expression in {**rules, **panels}.items():
        at_once = metrics_of(re.sub(over_minutes, " ", expression))
        own = {each for each in at_once if each.startswith("process_")} | (at_once & OF_ONE_PROCESS)
        assert own == set(), name


async def test_every_metric_of_rules_and_dashboard_is_exported_and_every_panel_draws(product, tmp_path):
    rules, panels = expressions()
    async with asyncio.timeout(90), scraping(product, tmp_path) as client:
        async with (
            aiohttp.ClientSession() as direct,
            direct.get(f"{product.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}) as scraped,
        ):
            text = await scraped.text()
        declared = set(re.findall(r"(?m)^# TYPE (\S+) ", text))
        exported = {
            line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and line[0] != "#"
        } | declared
        for name, expression in {**rules, **panels}.items():
            assert metrics_of(expression) <= exported | OF_PROMETHEUS, name
        # Rates need two scrapes.
        for name, expression in panels.items():
            while True:
                found = await answer(client, "/api/v1/query", query=expression)
                assert found["status"] == "success", (name, found)
                if found["data"]["result"]:
                    break
                await asyncio.sleep(0.1)
        healths = {"": "unknown"}
        while "unknown" in healths.values():
            groups = (await answer(client, "/api/v1/rules"))["data"]["groups"]
            healths = {each["name"]: each["health"] for group in groups for each in group["rules"]}
        assert healths == dict.fromkeys(rules, "ok")
