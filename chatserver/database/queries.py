"""Named SQL: `sql/queries/<feature>.sql`, each statement with a name and a sentence, called as `<feature>.<name>`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Query:
    """One named statement, with its parameters in the order of $1, $2, …"""

    sql: str
    parameters: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the parameters. TypeError where one is missing or unknown."""
        if values.keys() != set(self.parameters):
            raise TypeError(f"the query takes {sorted(set(self.parameters))}, not {sorted(values)}")
        return [values[name] for name in self.parameters]

    def commented(self, word: str) -> "Query":
        """The same statement with a comment in its text, so that it is prepared and planned separately."""
        return replace(self, sql=f"/* {word} */ {self.sql}")


_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
# A parameter is :word, but neither ::cast nor part of a quoted string.
_PARAMETER = re.compile(r"'[^']*'|(?<!:):([a-z_][a-z0-9_]*)")


def load_queries(folder: Path) -> dict[str, Query]:
    """Every query of `folder`/*.sql by `<file>.<name>`. ValueError where a name is used twice."""
    queries = {}
    for path in sorted(folder.glob("*.sql")):
        _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if f"{path.stem}.{name}" in queries:
                raise ValueError(f"{path.name} has two queries with the name {name}")
            queries[f"{path.stem}.{name}"] = compile_query(body)
    return queries


def compile_query(text: str) -> Query:
    """A query from its text; `:name` parameters become `$1`, `$2`, …"""
    order: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name not in order:
            order.append(name)
        return f"${order.index(name) + 1}"

    sql = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return Query(_PARAMETER.sub(number, sql).strip().rstrip(";"), tuple(order))


# A number of a parameter, or a quoted string.
_NUMBER = re.compile(r"'[^']*'|\$(\d+)")


@lru_cache(maxsize=64)
def joined(parts: tuple[tuple[str, Query], ...]) -> Query:
    """One statement of several, which share their parameters by name: a column of each, with its rows as JSON."""
    order = list(dict.fromkeys(name for _, query in parts for name in query.parameters))
    columns = [
        f"(SELECT coalesce(json_agg(part), '[]')::text FROM ({_renumbered(query, order)}) AS part) AS {column}"  # noqa: S608 - of our own queries
        for column, query in parts
    ]
    return Query("SELECT " + ",\n".join(columns), tuple(order))


def _renumbered(query: Query, order: list[str]) -> str:
    def number(match: re.Match[str]) -> str:
        return match[0] if match[1] is None else f"${order.index(query.parameters[int(match[1]) - 1]) + 1}"

    return _NUMBER.sub(number, query.sql)
