"""The documents: their commands run, their links and paths lead somewhere, their tables name all there is."""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from streamlit.web.server.starlette.starlette_routes import BASE_ROUTE_UPLOAD_FILE

from benchmarks.robustness import amounts
from fmexplore.cli.app import app
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.settings import HOSTED_LIMITS, NAMES, PROJECT, Settings
from fmexplore.training.presets import presets

DOCUMENTS = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").glob("*.md"))]
WITH_COMMANDS = ("README.md", "CONTRIBUTING.md", "docs/cli.md", "docs/hosting.md")
INVENTED = re.compile("NAME|sizes")  # in paths: what a reader fills in, and the example of a page to be added
SHELL, OTHERS = "sh", {"json", "toml", "python", "mermaid", "text"}
# Why a command is not run here; it stands in the documents as it stands here.
NOT_RUN = {
    "make app": "serves until Ctrl-C",
    "make test": "these tests themselves",
    "make check": "these tests themselves, among others",
    "make format": "rewrites the source",
    "pip install .": "changes the environment; tests/test_packaging.py installs the wheel elsewhere",
    "fmexplore app": "serves until Ctrl-C; tests/browser opens what it serves",
    "fmexplore app --port 8600": "serves until Ctrl-C",
    "FMEXPLORE_HOSTED=1 fmexplore app --address 0.0.0.0 --server.fileWatcherType none": "serves until Ctrl-C",
    "FMEXPLORE_HOSTED=1 FMEXPLORE_PROXIES=1 fmexplore app --server.fileWatcherType none --server.baseUrlPath fashion "
    "--server.allowedHosts fashion.school.example": "serves until Ctrl-C",
    **dict.fromkeys(
        (
            "fmexplore tune --vary learning_rate=log:0.01:0.3 --vary filters=16,24,32 --trials 40 --minutes 20 "
            "--study mine",
            "fmexplore tune --study mine --trials 10",
            "fmexplore tune --vary kernel=3,5 --vary dropout=0,0.2 --searcher grid --epochs 1 --confirm 3 --json",
            "fmexplore study show mine",
            "fmexplore study resume mine --trials 10",
            "fmexplore study delete mine --yes",
        ),
        "searches for minutes, or needs such a study; tests/cli/test_tuning.py gives it less",
    ),
    "fmexplore train --minutes 10": "ten minutes; tests/cli/test_app.py gives it less",
    "fmexplore train-photos photos --epochs 6 --times 16": "minutes; tests/cli/test_photos.py gives it less",
    "fmexplore train-segmenter photos --masks masks --epochs 24": "minutes; tests/cli/test_photos.py gives it less",
    "fmexplore reproduce codered-final --seeds 3": "minutes; tests/cli/test_papers.py gives it a small system",
    "fmexplore reproduce patel-basic --robustness": "minutes; tests/cli/test_papers.py gives it a small system",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its lines."""

    document: str
    line: int
    language: str
    text: str


def blocks(document: str) -> list[Block]:
    text = (PROJECT / document).read_text(encoding="utf-8")
    found = re.finditer(r"^ *```(\w*)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [Block(document, text[: each.start()].count("\n") + 1, each[1], each[2]) for each in found]


def commands(block: Block) -> list[str]:
    """Its lines without comments; a backslash joins two."""
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    return [command for line in lines if (command := re.sub(r"(^|\s+)#.*", "", line).strip())]


BLOCKS = [block for document in WITH_COMMANDS for block in blocks(document)]
COMMANDS = {command: block for block in BLOCKS if block.language == SHELL for command in commands(block)}
RUN_HERE = [command for command in COMMANDS if command not in NOT_RUN]
# The JSON after a block is what its last command prints.
EXAMPLES = {
    commands(block)[-1]: json.loads(after.text)
    for block, after in itertools.pairwise(BLOCKS)
    if (block.language, after.language) == (SHELL, "json")
}


@pytest.fixture
def here(store, tiny, drawn_folder, tmp_path, monkeypatch) -> Run:
    """A folder with what the commands name: a photo, a folder of labelled ones, a summary, the shipped runs, a run RUN.

    All runs have the tiny network. The data set is the drawn one.
    """
    monkeypatch.chdir(tmp_path)
    bar = np.full((60, 40, 3), 255, np.uint8)
    bar[10:50, 12:28] = 40, 60, 120
    (tmp_path / "photos").mkdir()
    for path in ("photo.jpg", "photos/1.jpg", "photos/2.jpg"):
        Image.fromarray(bar).save(tmp_path / path)
    (tmp_path / "photos" / "labels.csv").write_text("file,fmnist\n1.jpg,3\n2.jpg,ood\n")
    shutil.copy(PROJECT / "tests" / "files" / "summaries" / "keras3_codered.txt", tmp_path / "summary.txt")
    shapes, draw = tensor_shapes(summarize(tiny.model)), np.random.default_rng(0)
    weights = {name: draw.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    runs = [store.create(tiny, state="finished", ended=1.0) for _ in range(5)]
    for run in runs:
        run.write_weights(weights)
    for run, name in zip(runs, ("quick", "solid", "best", "photo"), strict=False):
        shutil.move(run.path, store.shipped / name)
    return runs[-1]


def run_elsewhere(command: str) -> tuple[int, str, str]:
    """A command that is not ours, with this Python, from the project's folder."""
    words = shlex.split(command)
    assert words[0] == ".venv/bin/python", f"{command}: run it here, or name it in NOT_RUN with the reason"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=PROJECT, env=environment, timeout=120, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN_HERE)
def test_every_command_of_the_documents_runs(command, call, here, request):
    ours = re.match(r"(?:\.venv/bin/)?(?:python -m )?fmexplore ", command)
    if not ours:
        code, out, error = run_elsewhere(command)
    else:
        words = shlex.split(command[ours.end() :])
        if "--resume" in words:
            write_status(here.path, here.status.replace(state="interrupted"))
        code, out, error = call(*(here.id if word == "RUN" else word for word in words))
    assert (code, error) == (0, ""), f"{command}\n{out}\n{error}"
    if command in EXAMPLES:
        assert shape(json.loads(out.splitlines()[-1])) == shape(EXAMPLES[command])


def shape(value: object) -> object:
    """What of a printed value the documents promise: the keys, and what a list holds, but not how much."""
    if isinstance(value, dict):
        return {key: shape(each) if each and key not in ("config", "groups") else None for key, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], (dict, list)) else None


def test_a_block_has_a_language_and_a_command_that_is_not_run_a_reason():
    assert not [block for block in BLOCKS if block.language not in {SHELL, *OTHERS}]
    assert not NOT_RUN.keys() - COMMANDS.keys(), "no document has these any more"
    assert all(NOT_RUN.values())
    targets = re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {command.split()[1] for command in COMMANDS if command.startswith("make ")} <= {*targets}


def sections(document: str) -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", (PROJECT / document).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_command_line_has_a_section_for_each_command_and_a_word_for_each_option():
    described, listed = sections("docs/cli.md"), typer.main.get_command(app).commands  # type: ignore[attr-defined]
    described.pop("Shell completion")
    assert described.keys() == listed.keys()
    options = {
        (name, option) for name, command in listed.items() for each in command.params for option in each.opts[:1]
    }
    missing = {(name, option) for name, option in options if option[0] == "-" and option not in described[name]}
    assert {(name, option) for name, option in missing if option != "--json"} == set()


def rows(document: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by what their first cell has in backticks."""
    lines = [line for line in sections(document)[heading].splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_example_of_a_proxy_lets_through_the_largest_upload_and_no_more_elsewhere():
    text = (PROJECT / "docs" / "nginx.conf").read_text(encoding="utf-8")
    config = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    largest = config["server"]["maxUploadSize"]
    uploads = text[text.index(f"{BASE_ROUTE_UPLOAD_FILE}/ {{") :]
    assert [int(size) for size in re.findall(r"client_max_body_size (\d+)m", text)] == [1, largest + 1]
    assert f"client_max_body_size {largest + 1}m" in uploads


def test_every_setting_has_its_row_with_its_limits():
    table = rows("docs/hosting.md", "Settings")
    others = {f"FMEXPLORE_{name}" for name in ("HOME", "DATA", "HOSTED", "STUDIES")}
    assert table.keys() == {*NAMES.values(), *others}
    for field, name in NAMES.items():
        _, default, hosted = table[name]
        known = getattr(Settings(), field)
        if field != "max_memory_mb":  # what the machine has
            assert default == ("none" if known is None else f"{known:g}"), name
            assert hosted == f"{HOSTED_LIMITS.get(field, known):g}", name


def test_every_requirement_has_its_row():
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {line.split("==")[0] for line in lines if line and line[0] not in "#-"}
    table = rows("docs/architecture.md", "Requirements")
    assert table.keys() == required
    assert all(re.fullmatch(r"[\d,]+", cells[-1]) for cells in table.values())


def test_every_package_has_its_row():
    folders = {path.parent.name for path in (PROJECT / "fmexplore").glob("*/__init__.py")}
    assert rows("docs/architecture.md", "Packages").keys() == folders


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_path_of_a_document_leads_somewhere(document):
    text = re.sub(r"^ *```python\n.*?```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        found = (document.parent / path).resolve() if path else document
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    # Paths of the project in backticks or commands; those of a user's own folders have other first parts.
    paths = re.findall(r"\b(?:fmexplore|pages|tests|benchmarks|tools|docs|checkpoints)/[\w./-]*\w", text)
    paths += [f"{module.replace('.', '/')}.py" for module in re.findall(r"\b((?:benchmarks|tools)\.\w+)", text)]
    for path in paths:
        there = (PROJECT / path).exists() or (document.parent / path).exists()
        broken += [] if there or INVENTED.search(path) else [path]
    assert not broken


def anchors(document: Path) -> set[str]:
    """Those that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_has_at_most_100_lines_names_every_page_and_counts_the_networks():
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    pages = {path.stem.capitalize() for path in (PROJECT / "pages").glob("*.py")}
    assert {*re.findall(r"^- \*\*(\w+)\*\*: ", text, re.MULTILINE)} == pages
    assert re.findall(r"one of (\d+) networks", text) == [str(len(presets()))]


def test_the_amounts_of_the_changes_are_those_that_are_made():
    text = (PROJECT / "docs/robustness.md").read_text("utf-8")
    assert amounts() in text
