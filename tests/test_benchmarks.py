"""Benchmarks are run by hand: here each topic is only imported, so that a name that moves does not break it unseen."""

import importlib
import inspect

import pytest

from benchmarks.__main__ import TOPICS


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_can_be_imported_and_run_without_arguments(topic: str) -> None:
    module = importlib.import_module(f"benchmarks.{topic}")
    assert not inspect.signature(module.run).parameters
