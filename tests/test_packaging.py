"""The wheel carries everything: installed outside the checkout, it serves."""

import asyncio
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import aiohttp

from tests.support import bound, ports
from tests.support.product import Product, environment, wait_until_ready

ROOT = Path(__file__).resolve().parent.parent


def build_wheel(folder):
    # By what is locked to build it, which has to be what pyproject.toml asks for; otherwise pip fetches that anew.
    here = ["--no-build-isolation", "--check-build-dependencies", "--no-index", "--no-deps"]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", *here, "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = folder.glob("chatserver-*.whl")
    return wheel


def install(wheel, folder):
    """A bare environment with the wheel in it; the libraries are those of the tests' own environment."""
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python3.*")) / "site-packages"
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "libraries.pth").write_text(libraries)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return folder / "bin" / "python"


async def test_the_wheel_serves_outside_the_checkout(tmp_path, database_url):
    python = install(build_wheel(tmp_path), tmp_path / "venv")
    port = ports.reserve()
    log = tmp_path / "log.txt"
    with log.open("wb") as output:
        process = await _start(python, tmp_path, port, output, database_url)
    product = Product(process, f"http://127.0.0.1:{port}", log)
    try:
        await wait_until_ready(product)
        async with aiohttp.ClientSession() as client, client.get(product.url) as page:
            text = await page.text()
            assert page.status == 200
        stylesheet = text.split('rel="stylesheet" href="')[1].split('"')[0]
        async with aiohttp.ClientSession() as client, client.get(product.url + stylesheet) as answer:
            assert answer.status == 200
        where = subprocess.run(
            [python, "-c", "import chatserver.runtime.paths as r; print(r.ROOT)"],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert str(tmp_path) in where.stdout
    finally:
        await product.kill()


async def _start(python, folder, port, output, database_url):
    return await asyncio.create_subprocess_exec(
        python,
        "-m",
        "chatserver",
        "serve",
        "--port",
        str(port),
        env=environment(folder / "data", DATABASE_URL=database_url),
        stdout=output,
        stderr=output,
        cwd=folder,
        preexec_fn=bound.to_this_process(signal.SIGTERM),
    )
