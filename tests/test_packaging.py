"""The wheel, what it depends on, and that fmexplore works where it is installed, outside of the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fmexplore import __version__
from fmexplore.settings import PROJECT

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
# What a page needs, tried where it is installed: that Home is drawn with a shipped run, and each page's file is there.
# The first file of a new user is the job queue's lock, made by a thread that nothing on Home waits for.
LOOK = """
import json
import time
from streamlit.testing.v1 import AppTest
from fmexplore.settings import PROJECT, read_settings
at = AppTest.from_file(PROJECT / "streamlit_app.py", default_timeout=60).run()
pages = [page["script_path"] for page in at._registered_pages.values()]
home, until = read_settings().home, time.monotonic() + 60
while not home.is_dir() and time.monotonic() < until:
    time.sleep(0.1)
print(json.dumps({"home": str(home), "pages": pages, "runs": list(at.selectbox[0].options),
                  "exceptions": [error.value for error in at.exception]}))
"""


def pins(file: str) -> dict[str, str]:
    """The exact versions in a list of requirements, by the name that the package index knows."""
    lines = (PROJECT / file).read_text(encoding="utf-8").splitlines()
    return parse(line for line in lines if line and line[0] not in "#-")


def parse(lines) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_an_installation_needs_what_requirements_txt_says():
    assert parse(METADATA["project"]["dependencies"]) == pins("requirements.txt")


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_the_constraints_have_the_version_of_every_requirement(file):
    constraints = pins("constraints.txt")
    assert {name: constraints.get(name) for name in pins(file)} == pins(file)
    assert re.search(r"^-[cr] (constraints|requirements)\.txt$", (PROJECT / file).read_text("utf-8"), re.MULTILINE)


def test_the_constraints_have_what_the_requirements_bring_along():
    """But for torch's CUDA wheels, which come with torch alone and only on Linux."""
    left, needed = [*pins("requirements.txt"), *pins("requirements-dev.txt")], set()
    while left:
        if (name := canonicalize_name(left.pop())) not in needed:
            needed.add(name)
            requirements = [Requirement(text) for text in metadata.requires(name) or ()]
            markers = {"extra": ""}
            left += [each.name for each in requirements if each.marker is None or each.marker.evaluate(markers)]
    of_torch = re.compile("nvidia-|cuda-|triton")
    assert {name for name in needed if not of_torch.match(name)} <= set(pins("constraints.txt"))


def test_what_an_extra_brings_is_tried_here():
    extras = METADATA["project"]["optional-dependencies"]
    assert parse(line for lines in extras.values() for line in lines).items() <= pins("requirements-dev.txt").items()


def test_the_wheel_is_built_by_the_version_that_is_tried_here():
    assert parse(METADATA["build-system"]["requires"]).items() <= pins("requirements-dev.txt").items()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy without .git and without what a checkout gathers."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    left_out = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "data", "runs", "cache", "__pycache__", "tests")
    shutil.copytree(PROJECT, source, ignore=lambda at, names: left_out(at, names) if Path(at) == PROJECT else [])
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, source]
    done = subprocess.run(build, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_has_all_that_the_app_needs_inside_the_package(wheel):
    assert wheel.name == f"fmexplore-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"fmexplore", f"fmexplore-{__version__}.dist-info"}
    assert not [name for name in names if name.endswith(".pyc")]
    beside = ["streamlit_app.py", ".streamlit/config.toml", "docs/icon.png"]
    beside += [path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("pages/*.py")]
    beside += [path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("checkpoints/**/*") if path.is_file()]
    assert {name for name in names if name.startswith("fmexplore/app/")} == {f"fmexplore/app/{name}" for name in beside}
    package = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "fmexplore").rglob("*") if path.is_file()}
    assert {name for name in package if "__pycache__" not in name} <= set(names)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs a command of an installation, in a folder and for a user who have nothing else of fmexplore."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", folder / "site", wheel]
    subprocess.run(command, check=True, timeout=120)
    user = {"HOME": str(folder), "PYTHONPATH": str(folder / "site"), "FMEXPLORE_DATA": str(folder / "none")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FMEXPLORE_", "XDG_"))}

    def run(*command: object) -> str:
        done = subprocess.run(
            [*map(str, command)], cwd=folder, env=kept | user, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder, run.command = folder, [folder / "site" / "bin" / "fmexplore"]
    return run


def test_the_command_of_an_installation_works(installed):
    presets = json.loads(installed(*installed.command, "models", "--json"))
    assert {"quick", "codered-final"} <= {preset["id"] for preset in presets}


def test_shells_complete_the_command_of_an_installation(installed):
    asked = ("env", "COMP_WORDS=fmexplore eval", "COMP_CWORD=1", "_FMEXPLORE_COMPLETE=complete_bash")
    assert installed(*asked, *installed.command).split() == ["evaluate"]


def test_the_app_of_an_installation_finds_its_pages_and_runs_and_writes_to_the_users_folder(installed):
    seen = json.loads(installed(sys.executable, "-c", LOOK))
    assert seen["exceptions"] == []
    assert any("quick" in run for run in seen["runs"])
    assert {Path(page).name for page in seen["pages"]} == {path.name for path in PROJECT.glob("pages/*.py")}
    home, site = Path(seen["home"]), installed.folder / "site"
    assert all(Path(page).is_relative_to(site) and Path(page).is_file() for page in seen["pages"])
    assert home.is_relative_to(installed.folder)
    assert not home.is_relative_to(site)
    assert home.is_dir()
