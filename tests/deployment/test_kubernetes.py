"""The manifests: valid by Kubernetes' own schemas, and at one with the program's settings, paths and times."""

import os
import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from chatserver.config import Config
from chatserver.web.body_limits import UPLOADS
from tests.support.proxies import DEPLOY

FOLDER = DEPLOY / "kubernetes"
FOREIGN_SETTINGS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def documents():
    """Every object of every manifest; what kustomize reads is none."""
    read = [each for path in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]
    return [each for each in read if each["kind"] != "Kustomization"]


def objects():
    return {(each["kind"], each["metadata"]["name"]): each for each in documents()}


@pytest.mark.parametrize("document", documents(), ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_a_manifest_is_valid_by_the_schema(document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_each_role_has_two_and_keeps_one():
    found = objects()
    for name in ("chatserver-web", "chatserver-worker"):
        deployment, budget = found["Deployment", name]["spec"], found["PodDisruptionBudget", name]["spec"]
        assert deployment["replicas"] >= 2
        assert budget["minAvailable"] < deployment["replicas"]
        assert budget["selector"] == deployment["selector"]
        assert deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()


def test_the_probes_ask_what_the_program_answers():
    [web] = objects()["Deployment", "chatserver-web"]["spec"]["template"]["spec"]["containers"]
    probes = {name: web[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}


def test_the_ingress_lets_files_pass_that_the_product_takes():
    images = {path: most for path, most in UPLOADS.items() if path.startswith("/api/v1/images/")}
    for name, taken in (("chatserver", UPLOADS.keys() - images), ("chatserver-images", images)):
        size = objects()["Ingress", name]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
        assert int(size.removesuffix("m")) * 1024 * 1024 >= max(UPLOADS[path] for path in taken)


def test_what_is_set_are_settings():
    found = objects()
    named = found["ConfigMap", "chatserver"]["data"].keys() | found["Secret", "chatserver"]["stringData"].keys()
    assert named <= {name.upper() for name in Config.__dataclass_fields__} | FOREIGN_SETTINGS


def test_kustomize_takes_them_together(tmp_path):
    if shutil.which("kubectl") is None:
        kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
        assert all((FOLDER / name).exists() for name in kustomization["resources"])
        pytest.skip("kubectl is not here: the manifests are only read one by one")
    done = subprocess.run(
        ["kubectl", "kustomize", FOLDER],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    together = list(yaml.safe_load_all(done.stdout))
    assert all(each["metadata"]["namespace"] == "chatserver" for each in together if each["kind"] != "Namespace")
    images = set(re.findall(r"image: (\S+)", done.stdout))
    assert images == {"registry.example.org/chatserver:0.1.0"}
