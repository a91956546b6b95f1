"""What runs the product on many machines: compose, Kubernetes, nginx, Caddy. What can be checked here is."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest
import yaml

from chatserver.config import Config
from tests.support import product as products
from tests.support.story import sign_up

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
# Read by the S3 client's own library.
FOREIGN_SETTINGS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def documents():
    return [each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text()) if each]


def settings_of(config=Config):
    return {name.upper() for name in config.__dataclass_fields__} | FOREIGN_SETTINGS


def test_compose_runs_two_of_each_with_settings_that_exist():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    ours = {name: each for name, each in services.items() if each["image"] == "chatserver"}
    assert sorted(each["command"] for each in ours.values()) == [["serve", "--role", "web"]] * 2 + [["worker"]] * 2
    assert {"postgres", "redis", "s3", "proxy"} <= services.keys()
    for each in ours.values():
        assert each["environment"].keys() <= settings_of()
        assert each["depends_on"].keys() <= services.keys()
    text = (ROOT / "compose.yaml").read_text()
    # Every secret comes from the environment, and its absence stops the start.
    assert set(re.findall(r"\$\{(\w+):\?", text)) == {
        "POSTGRES_PASSWORD",
        "S3_ACCESS_KEY",
        "S3_SECRET_KEY",
        "SECRET_KEY",
    }


def test_manifests_probe_budget_and_name_settings_that_exist():
    found = {(each["kind"], each["metadata"]["name"]): each for each in documents() if "metadata" in each}
    for name in ("chatserver-web", "chatserver-worker"):
        deployment, budget = found["Deployment", name], found["PodDisruptionBudget", name]
        assert deployment["spec"]["replicas"] >= 2
        assert budget["spec"]["minAvailable"] < deployment["spec"]["replicas"]
        assert budget["spec"]["selector"] == deployment["spec"]["selector"]
        assert (
            deployment["spec"]["selector"]["matchLabels"].items()
            <= deployment["spec"]["template"]["metadata"]["labels"].items()
        )
    [web] = found["Deployment", "chatserver-web"]["spec"]["template"]["spec"]["containers"]
    probes = {name: web[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    named = found["ConfigMap", "chatserver"]["data"].keys() | found["Secret", "chatserver"]["stringData"].keys()
    assert named <= settings_of()
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert all((DEPLOY / "kubernetes" / name).exists() for name in kustomization["resources"])


def test_kubernetes_takes_the_manifests_together():
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here: the manifests are only read as YAML")
    done = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert all(
        each["metadata"]["namespace"] == "chatserver"
        for each in yaml.safe_load_all(done.stdout)
        if each["kind"] != "Namespace"
    )


def test_every_proxy_example_carries_sockets_addresses_and_bounds():
    nginx, caddy = (DEPLOY / "nginx.conf").read_text(), (DEPLOY / "Caddyfile").read_text()
    for words in (
        "X-Forwarded-For $remote_addr",
        "X-Forwarded-Proto",
        "Upgrade $http_upgrade",
        "client_max_body_size 1m",
    ):
        assert words in nginx
    for words in ("reverse_proxy", "max_size 1MB", "health_uri /readyz"):
        assert words in caddy
    assert caddy.count("{") == caddy.count("}")


async def test_the_product_behind_nginx(database_url, tmp_path):
    """The example as it is, with our own addresses in place of its own: pages, sockets, who asks, how much."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not here: its example is only read")
    settings = {"DATABASE_URL": database_url, "TRUSTED_PROXIES": "127.0.0.1"}
    async with products.running(tmp_path / "product", **settings) as product:
        front = products.Product(product.process, f"http://127.0.0.1:{products.free_port()}", product.log)
        nginx = await start_nginx(tmp_path, front.url.rpartition(":")[2], product.url.rpartition(":")[2])
        try:
            await products.wait_until_ready(front)
            ada = await sign_up(front, "Ada")
            room = await ada.joins(await ada.buys())
            await room.says("through the proxy")
            await room.sees_text("through the proxy")
            await room.leaves()
            async with aiohttp.ClientSession() as client:
                async with client.get(f"{front.url}/metrics") as answer:
                    assert answer.status == 404
                async with client.post(f"{front.url}/api/v1/users", data=bytes(2_000_000)) as answer:
                    assert answer.status == 413
        finally:
            nginx.terminate()
            await nginx.wait()


async def start_nginx(folder, port, backend):
    text = (DEPLOY / "nginx.conf").read_text()
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("web-1:8000", f"127.0.0.1:{backend}")
    text = re.sub(r"\n\s+server web-2:8000[^\n]*", "", text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {folder}/nginx-{kind};" for kind in kinds)
    text = text.replace("http {", f"http {{\naccess_log off;\n{paths}")
    (folder / "nginx.conf").write_text(f"pid {folder}/nginx.pid;\ndaemon off;\n{text}")
    arguments = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx-error.log")]
    checked = subprocess.run(["nginx", *arguments, "-t"], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr
    return await asyncio.create_subprocess_exec("nginx", *arguments)
