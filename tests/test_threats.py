"""docs/threats.md names the tests that defend; each of them is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d*) ?\|", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`")


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_every_row_names_tests_that_exist() -> None:
    table = (ROOT / "docs" / "threats.md").read_text("utf-8")
    assert [number for number in ROW.findall(table) if number] == [str(n) for n in range(1, 17)]
    rows = [line for line in table.splitlines() if ROW.match(line)]
    for row in rows:
        found = [(file, name) for file, name in NAMED.findall(row) if file or name]
        assert found, row
        file = ""
        for told, name in found:
            file = told or file
            assert (ROOT / file).is_file(), file
            assert not name or name in functions_of(ROOT / file), f"{file}::{name}"
