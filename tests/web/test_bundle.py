"""The linker of our own scripts and stylesheets."""

import shutil
import subprocess
from pathlib import Path

import pytest

from chatserver.runtime import paths
from chatserver.web import bundle

NODE = shutil.which("node")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "app.js"


def run(script: str) -> str:
    assert NODE
    return subprocess.run(
        [NODE, "--input-type=module", "-"], input=script, text=True, capture_output=True, check=True
    ).stdout


def test_a_module_stands_before_whoever_imports_it_and_only_once(tmp_path: Path) -> None:
    app = write(
        tmp_path,
        app='import { a } from "./a.js"\nimport { b } from "./b.js"\nconsole.log(a, b)\n',
        a='import { b } from "./b.js"\nexport const a = b + 1\n',
        b="export const b = 1\n",
    )
    script = bundle.Scripts().javascript(app)
    assert script.count("const b = 1") == 1
    assert script.index("const b = 1") < script.index("const a = b + 1") < script.index("console.log")


@pytest.mark.skipif(NODE is None, reason="node is absent; the browser tests run the linked script")
def test_linked_modules_keep_their_names_apart(tmp_path: Path) -> None:
    app = write(
        tmp_path,
        app='import { tell as say } from "./a.js"\nimport "./b.js"\nconst name = "app"\nconsole.log(say(), name)\n',
        a='const name = "a"\nexport function tell() {\n  return name\n}\nexport class Unused {}\n',
        b='// a whole line of words\nconst name = "b"\nconsole.log(name)\n',
    )
    assert run(bundle.Scripts().javascript(app)) == "b\na app\n"


def test_lines_lose_their_indentation_and_a_text_of_several_lines_is_refused(tmp_path: Path) -> None:
    one = "const one = `${[1]\n    .map((each) => each)\n    .join()} and more`\n"
    script = bundle.Scripts().javascript(write(tmp_path, app=f"function run() {{\n  return 1\n}}\n{one}"))
    assert "\nreturn 1\n" in script and "\n.map(" in script
    with pytest.raises(ValueError, match="text of several lines"):
        bundle.Scripts().javascript(write(tmp_path, app="const two = `a\n  b`\n"))


def test_imports_in_a_circle_are_refused(tmp_path: Path) -> None:
    app = write(tmp_path, app='import "./a.js"\n', a='import "./app.js"\n')
    with pytest.raises(ValueError, match="imports itself"):
        bundle.Scripts().javascript(app)


@pytest.mark.parametrize(
    "line", ["export default class {}", "export let a = 1", "export { a }", 'import * as a from "./a.js"']
)
def test_a_form_that_the_linker_does_not_know_is_refused(tmp_path: Path, line: str) -> None:
    app = write(tmp_path, app=f"{line}\n", a="export const a = 1\n")
    with pytest.raises(ValueError, match="does not know"):
        bundle.Scripts().javascript(app)


def test_a_missing_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bundle.Scripts().javascript(write(tmp_path, app='import "./nowhere.js"\n'))


def test_comments_of_whole_lines_are_left_out_of_scripts(tmp_path: Path) -> None:
    text = bundle.Scripts().javascript(
        write(
            tmp_path, app="// why\nconst a = 1\n/**\n * what\n */\nclass B {\n  /** how */\n  c() {}\n}\n/** end */\n"
        )
    )
    assert not any(word in text for word in ("why", "what", "how", "end", "*"))
    assert "const a = 1\nclass B {\nc() {}\n}" in text


def test_comments_at_the_end_of_lines_are_left_out_and_texts_with_slashes_are_not(tmp_path: Path) -> None:
    text = 'const a = 1 // why\nconst b = "x // y" // why\nconst c = `// ${a} // z`\nconst d = "https://x" // "why"\n'
    expected = 'const a = 1\nconst b = "x // y"\nconst c = `// ${a} // z`\nconst d = "https://x" // "why"'
    assert expected in bundle.Scripts().javascript(write(tmp_path, app=text))


def test_a_stylesheet_carries_its_imports_in_their_layers(tmp_path: Path) -> None:
    (tmp_path / "app.css").write_text('@layer base;\n/* words */\n@import url("base.css") layer(base);\n')
    (tmp_path / "base.css").write_text("/* more */ p { color: red; }\n")
    text = bundle.stylesheet(tmp_path / "app.css")
    assert "@import" not in text
    assert "words" not in text
    assert "@layer base {\np { color: red; }" in text


@pytest.mark.parametrize("entry", ["js/app.js", "js/pages/common.js"])
def test_our_own_entries_link(entry: str) -> None:
    script = bundle.Scripts().javascript(paths.STATIC / entry)
    assert "customElements.define" in script
    if NODE:
        checked = subprocess.run(
            [NODE, "--check", "--input-type=module", "-"], input=script, text=True, capture_output=True
        )
        assert checked.returncode == 0, checked.stderr
