"""Mutants: each takes one guard out of a copy of the product and runs the test that must turn red then.

    make mutants        or        python -m tests.mutants [name …]

Prints a table; ends with 1 where a mutant lived. Too slow for every run of the tests: each mutant is a test run.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from chatserver.runtime import tables

ROOT = Path(__file__).resolve().parent.parent
# What a copy needs; node_modules, data and the like stay where they are.
PARTS = ("chatserver", "sql", "static", "templates", "tests", "pyproject.toml", "README.md", "requirements")
TEST_SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    """`old` in `file` becomes `new`; then `test` must fail. Several changes make one mutant; a race gets several tries."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    test: str
    tries: int = 1


MUTANTS = (
    Mutant(
        "SKIP LOCKED of the queue, and the lock of the provider limits that covers it",
        (
            ("sql/queries/generations.sql", " FOR UPDATE OF g SKIP LOCKED)", ")"),
            ("sql/queries/providers.sql", "ORDER BY name FOR UPDATE;", "ORDER BY name;"),
        ),
        "tests/generations/test_queue.py::test_two_workers_never_take_the_same_job",
        tries=3,
    ),
    Mutant(
        "SKIP LOCKED of the assistant's replies",
        (
            ("sql/queries/messages.sql", "LIMIT 1 FOR UPDATE OF m SKIP LOCKED)", "LIMIT 1)"),
            ("sql/queries/messages.sql", "pg_advisory_xact_lock(hashtextextended('chatserver.replies', 0))", "1"),
        ),
        "tests/messages/test_assistant.py::test_two_writers_never_take_the_same_reply",
        tries=3,
    ),
    Mutant(
        "the lock of the replies: so many under way for a person",
        (("sql/queries/messages.sql", "pg_advisory_xact_lock(hashtextextended('chatserver.replies', 0))", "1"),),
        "tests/messages/test_assistant.py::test_no_more_replies_are_under_way_for_a_person_than_allowed_whoever_claims",
        tries=6,
    ),
    Mutant(
        "the rate limit of messages",
        (
            (
                "sql/migrations/0055_entering_sessions.sql",
                "   WHERE most = 0 OR cardinality(b.times) < most\n",
                "   WHERE true OR most = 0\n",
            ),
        ),
        "tests/users/test_rate_limits.py::test_one_allowance_of_messages_for_all_sessions_of_a_person",
    ),
    Mutant(
        "the row of a rate limit, under which open sessions are counted",
        (
            (
                "chatserver/sessions/checkout.py",
                "    await free_sessions.count(tx, user_id, network)\n    await _require_quota(tx, user_id)\n    return",
                "    await _require_quota(tx, user_id)\n    await free_sessions.count(tx, user_id, network)\n    return",
            ),
        ),
        "tests/users/test_rate_limits.py::test_no_more_sessions_are_open_than_allowed_however_many_are_taken_at_once",
        tries=3,
    ),
    Mutant(
        "the fence of an attempt at its end",
        (
            (
                "sql/queries/generations.sql",
                "fraction = NULL, step = NULL, step_count = NULL, eta_at = NULL\n"
                " WHERE id = :generation_id AND attempt = :attempt AND lease_until IS NOT NULL\n"
                "RETURNING message_id, session_id, kind;",
                "fraction = NULL, step = NULL, step_count = NULL, eta_at = NULL\n"
                " WHERE id = :generation_id AND :attempt::integer IS NOT NULL\n"
                "RETURNING message_id, session_id, kind;",
            ),
        ),
        "tests/generations/test_queue.py::test_a_worker_that_comes_back_too_late_writes_and_says_nothing",
    ),
    Mutant(
        "the lock of the provider limits: calls at once and an hour",
        (("sql/queries/providers.sql", "ORDER BY name FOR UPDATE;", "ORDER BY name;"),),
        "tests/generations/test_provider_limits.py::test_no_more_calls_at_once_than_allowed_whoever_asks",
        tries=6,
    ),
    Mutant(
        "one settlement a generation: the index and ON CONFLICT",
        (
            (
                "sql/migrations/0001_first.sql",
                "CREATE UNIQUE INDEX credit_entries_settled",
                "CREATE INDEX credit_entries_settled",
            ),
            ("sql/migrations/0001_first.sql", "UNIQUE (generation_id, action)", "CHECK (true)"),
            ("sql/queries/credits.sql", "ON CONFLICT DO NOTHING\n", ""),
        ),
        "tests/credits/test_settlement.py",
    ),
    Mutant(
        "the keys of deleted versions",
        (("sql/queries/generations.sql", "FROM removed WHERE client_id IS NOT NULL", "FROM removed WHERE false"),),
        "tests/generations/test_service.py::test_a_version_that_was_deleted_is_not_made_again_for_another_credit",
    ),
    Mutant(
        "the lock of the session before the keys of what is deleted in it",
        (
            (
                "chatserver/generations/deletion.py",
                "    await sessions.lock(tx, session_id)\n    await tx.execute(",
                "    await tx.execute(",
            ),
        ),
        "tests/generations/test_service.py"
        "::test_a_picture_and_a_clip_deleted_at_the_same_moment_never_wait_for_each_other",
    ),
    Mutant(
        "the credits' lock before the look for a twin",
        (
            (
                "sql/migrations/0060_waiting_for_rows.sql",
                "      PERFORM number FROM credits\n"
                "       WHERE session_id = entered AND kind = credit_kind ORDER BY number FOR UPDATE;\n"
                "    END IF;\n"
                "    SELECT newest_message_id INTO newest FROM user_sessions WHERE id = entered FOR UPDATE;\n",
                "      NULL;\n    END IF;\n"
                "    SELECT newest_message_id INTO newest FROM user_sessions WHERE id = entered;\n",
            ),
        ),
        "tests/credits/test_credits.py",
    ),
    Mutant(
        "credits enough, where a generation is accepted in one statement",
        (("sql/migrations/0063_creating_at_once.sql", "  IF held < total THEN\n", "  IF held < 0 THEN\n"),),
        "tests/generations/test_creation.py",
    ),
    Mutant(
        "the count of waiting pictures after the wait for the budget's row, in the same statement",
        (
            (
                "sql/migrations/0063_creating_at_once.sql",
                "  IF NOT FOUND OR NOT count_in_budget(made_by, 'pictures', most, seconds) THEN\n",
                "  SELECT count(*) INTO queued FROM generations WHERE user_id = made_by AND status = 'queued';\n"
                "  IF said.seq IS NULL OR NOT count_in_budget(made_by, 'pictures', most, seconds) THEN\n",
            ),
            (
                "sql/migrations/0063_creating_at_once.sql",
                "  SELECT version INTO rules FROM prompt_rules_version;\n"
                "  SELECT count(*) INTO queued FROM generations WHERE user_id = made_by AND status = 'queued';\n",
                "  SELECT version INTO rules FROM prompt_rules_version;\n",
            ),
        ),
        "tests/generations/test_creation.py::test_what_began_to_wait_while_another_wish_was_counted_is_counted_too",
    ),
    Mutant(
        "the rules of prompts that hold, where a generation is accepted in one statement",
        (("sql/migrations/0063_creating_at_once.sql", "  IF rules IS DISTINCT FROM known_rules OR (", "  IF ("),),
        "tests/generations/test_creation.py",
    ),
    Mutant(
        "the independence of a unit of work from its caller",
        (
            (
                "chatserver/database/unit_of_work.py",
                "return await answer\n",
                "await task\n        return await answer\n",
            ),
        ),
        "tests/database/test_unit_of_work.py::test_a_closed_tab_does_not_undo_what_it_asked_for",
    ),
    Mutant(
        "the comparison of seq once a second",
        (("chatserver/realtime/maintenance.py", "                await self._compare_seqs()\n", ""),),
        "tests/acceptance/test_redis_away.py::test_p11_with_redis_dead_everything_goes_on",
    ),
    Mutant(
        "people at other processes",
        (("chatserver/realtime/hub.py", "            self._cluster.receive(envelope.event)\n", ""),),
        "tests/acceptance/test_many_machines.py::test_the_story_with_its_tabs_on_different_machines",
    ),
    Mutant(
        "the database's clock",
        (("chatserver/database/connection_setup.py", "    clock.synchronise(", "    _ = ("),),
        "tests/acceptance/test_clocks.py",
    ),
    Mutant(
        "the cut of a stalled socket whose welcome has ended",
        (("chatserver/realtime/connection.py", "if self.transport.is_paused and code in CLOSE_REASONS:", "if False:"),),
        "tests/realtime/test_misbehaving_clients.py::test_p17_a_client_that_stalls_is_gone_too_when_its_sign_in_ends",
    ),
    Mutant(
        "the second run of what a plan older than a migration stopped",
        (("chatserver/database/unit_of_work.py", ", asyncpg.InvalidCachedStatementError)", ")"),),
        "tests/acceptance/test_upgrade.py",
    ),
    Mutant(
        "the end of a transaction that fell silent",
        (
            (
                "chatserver/database/execution.py",
                "SET LOCAL idle_in_transaction_session_timeout = '{ABANDONED_SECONDS:g}s'; ",
                "",
            ),
        ),
        "tests/acceptance/test_partitions.py::test_p10_p12_a_node_parted_from_the_database_says_no_ok_and_holds_nobody_up",
    ),
)


def main(names: list[str]) -> int:
    rows = []
    for mutant in MUTANTS:
        if names and not any(name in mutant.name for name in names):
            continue
        began = time.monotonic()
        result = judge(mutant)
        rows.append((mutant.name, mutant.test, result, f"{time.monotonic() - began:.0f}"))
        print(f"{result}: {mutant.name}", flush=True)
    tables.show(("taken out", "test", "result", "seconds"), rows)
    return int(any(result != "red" for _, _, result, _ in rows))


def judge(mutant: Mutant) -> str:
    """ "red" where the test failed on the mutant, "LIVED" where it passed, "absent" where the guard was not found."""
    with tempfile.TemporaryDirectory(prefix="chatserver-mutant-") as name:
        copy = Path(name)
        copy_tree(copy)
        for file, old, new in mutant.changes:
            text = (copy / file).read_text()
            if old not in text:
                return "absent"
            (copy / file).write_text(text.replace(old, new))
        return "red" if any(run_test(copy, mutant.test) for _ in range(mutant.tries)) else "LIVED"


def copy_tree(copy: Path) -> None:
    copy.chmod(0o755)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / part)


def run_test(copy: Path, test: str) -> bool:
    """Whether it failed; a run that could not even begin counts as nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=TEST_SECONDS,
    )
    if done.returncode not in (0, 1) or "ERROR" in done.stdout.replace("ERRORS", ""):
        raise SystemExit(f"The test itself is broken:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
