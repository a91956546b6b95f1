"""OpenStack Swift with its S3 interface in one process: `python swift_server.py FOLDER PROXY ACCOUNT CONTAINER OBJECT`.

Four ports of the loopback address, everything kept below FOLDER: started again there, it has what it had. It verifies
signatures, their expiry and keys, which is why it is the S3 server of our tests. Run in a process of its own only: it
patches the sockets of the whole interpreter.
"""

# ruff: noqa: E402 - the patch has to come before everything that opens a socket
import eventlet

eventlet.monkey_patch()

import errno
import os
import sys
from pathlib import Path

import eventlet.wsgi
import swift.common.utils
from swift.common.ring.builder import RingBuilder

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"
# Seconds for one part of it to hear from another. By default an object's server gives the listing one second to take an
# object in or out, and leaves it to a process that does not run here: whatever was deleted then stayed in the listing.
PATIENCE = "60"

PROXY = f"""
[DEFAULT]
swift_dir = {{folder}}
log_level = ERROR

[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth bulk slo proxy-server

[app:proxy-server]
use = egg:swift#proxy
conn_timeout = {PATIENCE}
node_timeout = {PATIENCE}
error_suppression_limit = 1000
account_autocreate = true
allow_account_management = true

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {SECRET_KEY} .admin

[filter:s3api]
use = egg:swift#s3api
location = {REGION}
s3_acl = false

[filter:slo]
use = egg:swift#slo

[filter:bulk]
use = egg:swift#bulk

[filter:listing_formats]
use = egg:swift#listing_formats

[filter:gatekeeper]
use = egg:swift#gatekeeper

[filter:catch_errors]
use = egg:swift#catch_errors
"""


class SidecarAttributes:
    """Extended attributes as files beside the disk, for file systems that have none (an older tmpfs)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder

    def _file(self, descriptor: int, name: bytes | str) -> Path:
        found = os.fstat(descriptor)
        text = name.decode() if isinstance(name, bytes) else name
        return self._folder / f"{found.st_dev}-{found.st_ino}-{text}"

    def getxattr(self, descriptor: int, name: bytes | str) -> bytes:
        try:
            return self._file(descriptor, name).read_bytes()
        except FileNotFoundError:
            raise OSError(errno.ENODATA, "no such attribute") from None

    def setxattr(self, descriptor: int, name: bytes | str, value: bytes) -> None:
        self._file(descriptor, name).write_bytes(value)


def write_configuration(folder: Path, ports: dict[str, int]) -> None:
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = tests\n\n[storage-policy:0]\nname = only\ndefault = yes\n"
    )
    (folder / "proxy-server.conf").write_text(PROXY.format(folder=folder))
    (folder / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    for name, port in ports.items():
        builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
        builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk", "weight": 1})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{name}.ring.gz"))


def supports_attributes(folder: Path) -> bool:
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"1")
    except OSError:
        return False
    return True


def serve(port: int, app: object) -> eventlet.greenthread.GreenThread:
    listener = eventlet.listen(("127.0.0.1", port), reuse_addr=True)
    silent = open(os.devnull, "w")  # noqa: SIM115 - open as long as the process
    return eventlet.spawn(eventlet.wsgi.server, listener, app, log=silent, log_output=False, debug=False)


def main(folder: Path, proxy: int, account: int, container: int, object_: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_configuration(folder, {"account": account, "container": container, "object": object_})
    swift.common.utils.set_swift_dir(str(folder))

    # Read swift.conf as they are imported.
    from swift.account.server import AccountController
    from swift.common import storage_policy
    from swift.common.wsgi import loadapp
    from swift.container.server import ContainerController
    from swift.obj import diskfile
    from swift.obj.server import ObjectController

    storage_policy.reload_storage_policies()
    if not supports_attributes(folder):
        diskfile.xattr = SidecarAttributes(folder / "attributes")
    settings = {
        "devices": str(folder / "devices"),
        "swift_dir": str(folder),
        "mount_check": "false",
        "fallocate_reserve": "0",
        "disable_fallocate": "true",
        "log_level": "ERROR",
        "container_update_timeout": PATIENCE,
        "conn_timeout": PATIENCE,
        "node_timeout": PATIENCE,
    }
    backends = ((account, AccountController), (container, ContainerController), (object_, ObjectController))
    for port, controller in backends:
        serve(port, controller(settings))
    serve(proxy, loadapp(str(folder / "proxy-server.conf"), allow_modify_pipeline=False)).wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(port) for port in sys.argv[2:]))
