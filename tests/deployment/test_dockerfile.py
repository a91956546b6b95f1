"""The Dockerfile: what a linter says of it, and that its parts fit what the program is. Its steps need an engine."""

import subprocess
import sys
import tomllib
from pathlib import Path

from chatserver import config as configuration
from tests.support import dockerfile
from tests.support.dockerfile import ROOT


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_it_starts_is_what_the_package_installs_with_settings_that_it_takes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert dockerfile.value_of("ENTRYPOINT") == f'["{next(iter(project["scripts"]))}"]'
    assert dockerfile.value_of("STOPSIGNAL") == "SIGTERM"
    given = dockerfile.environment()
    config = configuration.load(given)
    settings = {name.upper(): str(getattr(config, name)) for name in config.__dataclass_fields__}
    known = {name: value for name, value in given.items() if not name.startswith("PYTHON")}
    assert known.items() <= settings.items()
    assert dockerfile.value_of("EXPOSE") == given["PORT"]
    assert dockerfile.value_of("VOLUME") == given["DATA_DIR"]


def test_it_runs_as_the_nobody_that_it_makes():
    user = dockerfile.value_of("USER")
    # A number: Kubernetes cannot see that a name is not root's.
    assert user.isdigit() and int(user) > 0
    assert f"--uid {user} " in dockerfile.value_of("RUN")
    manifests = "".join(path.read_text() for path in (ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    assert manifests.count("runAsNonRoot: true") == manifests.count(f"runAsUser: {user},")
