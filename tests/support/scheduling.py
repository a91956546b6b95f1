"""Shares the tests out among the workers of pytest-xdist (`pytest -n 4`). A module is one group, and a group stays on one
worker, because its tests share fixtures of module scope. `@pytest.mark.xdist_group("name")` makes other groups. Tests that
are marked `alone` run at the end, with nothing beside them. With SHUFFLE=<any word> the tests of a module, and the modules
of a folder, have another order, which the same word gives again.

xdist's own `--dist loadgroup` writes the group behind a test's name, which pytest 9.2 does not let it do; here each worker
writes the groups into a file that the scheduling process reads.
"""

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.support.guards import Guard

ALONE = "alone"
# The groups that take longest, which begin first, or the others would wait for the last of them (docs/testing.md).
LONGEST = (
    "tests/test_documented_commands.py",
    "tests/providers/test_diffusers.py",
    "tests/browser/test_story.py",
    "tests/browser/test_looks.py",
    "tests/acceptance/test_huggingface.py",
    "tests/acceptance/test_history.py",
    "tests/acceptance/test_starting.py",
    "tests/markdown/test_bombs.py",
    "tests/browser/test_deleting.py",
    "cluster",
    "tests/acceptance/test_promises.py",
    "tests/browser/test_two_people.py",
    "tests/browser/test_chat_page.py",
    "tests/browser/test_drawn_twice.py",
    "tests/browser/test_accessibility.py",
    "tests/browser/test_admin.py",
    "tests/browser/test_payments.py",
    "tests/browser/test_sharing.py",
    "tests/browser/test_focus.py",
)


class Groups:
    """The plugin of both sides: what the workers collect, the scheduling process learns."""

    def __init__(self, config: pytest.Config) -> None:
        workerinput = getattr(config, "workerinput", None)
        self._is_worker = workerinput is not None
        self._path = Path(workerinput["groups"]) if workerinput else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        if self._path is None:
            folder = tempfile.mkdtemp(prefix="chatserver-groups-")
            self._path, self._guard = Path(folder) / "groups", Guard('rm -rf "$1"', folder)
        node.workerinput["groups"] = str(self._path)

    # Around the others: pytest itself puts tests beside each other that share a parameter of a fixture.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        if seed := os.environ.get("SHUFFLE"):
            items.sort(key=lambda item: [_drawn(seed, item.nodeid.partition("::")[0]), _drawn(seed, item.nodeid)])
        yield
        if self._is_worker:
            order = {group: number for number, group in enumerate(in_order(dict.fromkeys(map(group_of, items))))}
            items.sort(key=lambda item: order[group_of(item)])
        # Without workers they come last too.
        items.sort(key=lambda item: group_of(item) == ALONE)

    @pytest.hookimpl(tryfirst=True)  # before xdist says that this worker has collected
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._is_worker:
            assert self._path is not None
            own = self._path.with_suffix(f".{os.getpid()}")
            own.write_text(json.dumps({item.nodeid: group_of(item) for item in session.items}))
            own.rename(self._path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> "Scheduling":
        return Scheduling(config, log, self)

    def read(self) -> dict[str, str]:
        """The group of every test by its name, once the workers have collected."""
        assert self._path is not None
        groups: dict[str, str] = json.loads(self._path.read_text())
        return groups

    def pytest_unconfigure(self) -> None:
        if self._path is not None and not self._is_worker:
            self._guard.dismiss()
            shutil.rmtree(self._path.parent)


def _drawn(seed: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def group_of(item: pytest.Item) -> str:
    """The group that a test runs in: `alone`, one that it names, or its module."""
    if item.get_closest_marker(ALONE):
        return ALONE
    named = item.get_closest_marker("xdist_group")
    return named.args[0] if named else item.nodeid.partition("::")[0]


def in_order(groups: Collection[str]) -> list[str]:
    """The groups as they begin: the longest, then one of each folder in turn, so that those which wait (acceptance) run
    beside those which compute (browser)."""
    rest = [group for group in groups if group not in LONGEST]
    folders: dict[str, list[str]] = {}
    for group in rest:
        folders.setdefault(group.rpartition("/")[0], []).append(group)
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*folders.values()))
    return [*(group for group in LONGEST if group in groups), *(group for group in in_turn if group is not None)]


class Scheduling(LoadScopeScheduling):
    """xdist's scheduling by scope, in the order of collection, which keeps the group `alone` back until every worker but
    one has ended, and then gives it to that one."""

    def __init__(self, config: pytest.Config, log: Any, groups: Groups) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
        self._read_groups = groups.read
        self._groups: dict[str, str] = {}

    def schedule(self) -> None:
        self._groups = self._groups or self._read_groups()
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._groups[nodeid]

    def _reschedule(self, node: WorkerController) -> None:
        # One that takes the place of a worker that crashed is asked again when it has collected.
        if node in self.registered_collections:
            super()._reschedule(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if list(self.workqueue) != [ALONE] or len(self.assigned_work) == 1:
            super()._assign_work_unit(node)
        elif any(other is not node and not other.shutting_down for other in self.assigned_work):
            # It still runs what it has; one of the others is the last.
            node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        """The test in which the worker crashed, if it did. That one has failed and is not run again, as xdist's own
        scheduling by scope does until it gives up; what the worker had not begun comes next."""
        unfinished = [unit for unit in self.assigned_work.pop(node).values() if not all(unit.values())]
        crashed = next((name for unit in unfinished for name, is_done in unit.items() if not is_done), None)
        if crashed is not None:
            unfinished[0][crashed] = True
        for unit in reversed(unfinished):
            if not all(unit.values()):
                group = self._groups[next(iter(unit))]
                self.workqueue[group] = unit
                self.workqueue.move_to_end(group, last=group == ALONE)
        for other in list(self.assigned_work) if crashed is not None or len(self.assigned_work) == 1 else []:
            if self.workqueue:
                self._reschedule(other)
        return crashed
