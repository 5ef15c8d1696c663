"""Which module may import which, and what pages may be: read from the source, without running it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fmexplore
from fmexplore import errors

ROOT = Path(fmexplore.__file__).resolve().parent.parent
LIBRARY = sorted(path for path in (ROOT / "fmexplore").glob("*.py") if path.stem != "__init__")
ALL_MODULES = sorted((ROOT / "fmexplore").rglob("*.py"))
PAGES = sorted((ROOT / "pages").glob("*.py"))
SCREEN = [ROOT / "streamlit_app.py", *PAGES]

# Each module imports only from modules before it, when it is imported; the torch modules stand together.
LAYERS = (
    *("errors", "schema", "shapes", "layers", "storage", "settings", "models", "config", "papers", "presets", "data"),
    *("download", "machine", "terms"),
    *("foreground", "photo_files", "photos", "scenes", "photo_folder"),
    *("figures", "curves", "evaluation", "confusion"),
    *("findings", "layer_kinds", "layer_words", "layer_summaries", "layer_changes", "layer_checks"),
    *("score_reports", "matrix_checks", "score_checks", "checker"),
    *("embedding", "features", "projection", "maps", "suspects", "progress", "comparison"),
    *("photo_scores", "photo_training"),
    *(
        "segmentation",
        "networks",
        "augment",
        "optimizers",
        "train_state",
        "training",
        "distillation",
        "execution",
        "interpret",
    ),
    *(
        "status",
        "run",
        "derived",
        "runs",
        "archive",
        "speed",
        "budget",
        "limits",
        "cleanup",
        "turns",
        "jobs",
        "tasks",
        "worker",
        "analyses",
        "map_analyses",
        "photo_analyses",
        "analyst",
        "analyst_process",
        "reproduction",
        "printed",
        "verdicts",
        "claims",
        "lessons",
        "paper_figures",
        "terminal",
        "training_cli",
        "photo_cli",
        "paper_cli",
        "shipping",
        "cli",
        "__main__",
    ),
)
WITHOUT_TORCH = (
    *(
        "analyst",
        "analyst_process",
        "analyses",
        "map_analyses",
        "derived",
        "confusion",
        "embedding",
        "features",
        "projection",
        "maps",
        "suspects",
    ),
    *("findings", "layer_kinds", "layer_words", "layer_summaries", "layer_changes", "layer_checks"),
    *("score_reports", "matrix_checks", "score_checks", "checker", "paper_cli", "comparison"),
    *(
        "limits",
        "jobs",
        "runs",
        "archive",
        "presets",
        "speed",
        "budget",
        "data",
        "download",
        "evaluation",
        "progress",
        "status",
        "cli",
    ),
    *(
        "foreground",
        "photo_files",
        "photos",
        "scenes",
        "photo_folder",
        "photo_scores",
        "photo_training",
        "photo_analyses",
        "photo_cli",
    ),
)


def imports(tree: ast.AST, at_import_only: bool = False) -> set[str]:
    """Full names of all that is imported; at import only: not inside functions, nor for type checking."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if at_import_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if at_import_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        found |= imports(node, at_import_only)
    return found


def read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def own(names: set[str]) -> set[str]:
    """Modules of fmexplore among imported names: "models" of fmexplore.models.Model."""
    return {name.split(".")[1] for name in names if name.startswith("fmexplore.")}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_module_has_its_layer():
    assert {path.stem for path in LIBRARY} == set(LAYERS)
    assert len(set(LAYERS)) == len(LAYERS)


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_a_module_imports_only_from_layers_before_it(path):
    earlier = LAYERS[: LAYERS.index(path.stem)]
    assert own(imports(read(path), at_import_only=True)) - {"__version__"} <= set(earlier)


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_nothing_outside_the_screen_imports_streamlit_or_the_screen(path):
    found = imports(read(path))
    assert not {each for each in found if each.split(".")[0] == "streamlit"}
    assert "ui" not in own(found)


def test_only_the_torch_modules_import_torch_when_imported():
    importing = {
        path.stem
        for path in LIBRARY
        if {"torch", "torchvision"} & {each.split(".")[0] for each in imports(read(path), at_import_only=True)}
    }
    assert importing == {
        "segmentation",
        "networks",
        "augment",
        "optimizers",
        "train_state",
        "training",
        "distillation",
        "execution",
        "interpret",
    }


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_importing_a_module_of_the_app_does_not_import_torch(module):
    code = f"import sys, fmexplore.{module}; sys.exit('torch' in sys.modules or 'streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


@pytest.mark.parametrize("path", SCREEN, ids=name)
def test_pages_import_only_the_screen_from_fmexplore(path):
    assert own(imports(read(path))) <= {"ui", "errors"}


@pytest.mark.parametrize("path", SCREEN, ids=name)
def test_the_first_that_a_page_does_is_to_ask_for_the_frame(path):
    """`frame.require` says why; whatever came before it would be drawn twice on a server just started."""
    calls = [ast.unparse(node) for node in read(path).body if isinstance(node, (ast.Expr, ast.With, ast.Assign))]
    assert calls[1].startswith("frame.require(")  # after the docstring


def test_the_pages_lie_flat_and_the_app_lists_each():
    """Streamlit makes the address of a page from its file name alone, and a cold link is looked up in pages/ itself."""
    assert sorted((ROOT / "pages").rglob("*.py")) == PAGES
    listed = re.findall(r"st\.Page\(\w+\.(\w+)_PAGE, ", (ROOT / "streamlit_app.py").read_text(encoding="utf-8"))
    assert sorted(listed) == [path.stem.upper() for path in PAGES]


def test_every_download_goes_through_the_one_that_does_not_run_the_script_again():
    """st.download_button runs it by default, which drops a file made on demand before the browser has asked for it."""
    using = {path.stem for path in ALL_MODULES + SCREEN if "st.download_button" in path.read_text(encoding="utf-8")}
    assert using == {"widgets"}


@pytest.mark.parametrize("path", SCREEN, ids=name)
def test_a_page_has_at_most_120_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("path", ALL_MODULES, ids=name)
def test_a_module_has_at_most_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [*ALL_MODULES, *SCREEN], ids=name)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(read(path)) or not read(path).body


def test_every_error_is_in_the_tree_that_the_docstring_draws():
    found = {each: kind for each, kind in vars(errors).items() if isinstance(kind, type)}
    assert all(issubclass(kind, errors.FMExploreError) and kind.__doc__ for kind in found.values())
    drawn = {
        line.split()[0] for line in (errors.__doc__ or "").replace("├─", "").replace("└─", "").splitlines() if line
    }
    assert set(found) <= drawn


def test_the_message_of_an_error_is_all_that_it_shows():
    assert str(errors.RunNotFound("No run is called 'x'.")) == "No run is called 'x'."


def test_nothing_changes_where_python_looks_for_modules():
    """Scripts are run as modules from the project's folder: `python -m benchmarks.pages`."""
    folders = ("fmexplore", "pages", "tests", "tools", "benchmarks")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert [
        name(path) for path in paths if re.search(r"sys\.path\.(insert|append|extend)", path.read_text("utf-8"))
    ] == []
