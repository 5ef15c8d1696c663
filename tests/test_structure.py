"""Which package may import which, and what pages may be: read from the source, without running it."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import fmexplore
from fmexplore import errors

ROOT = Path(fmexplore.__file__).resolve().parent.parent
MODULES = sorted((ROOT / "fmexplore").rglob("*.py"))
LIBRARY = [path for path in MODULES if "ui" not in path.relative_to(ROOT).parts]
SCRIPTS_AND_STYLES = sorted(path for kind in ("js", "css") for path in (ROOT / "fmexplore").rglob(f"*.{kind}"))
PAGES = sorted((ROOT / "pages").glob("*.py"))
SCREEN = [ROOT / "streamlit_app.py", *PAGES]

# The modules beside the packages, which import from no package.
BESIDE = ("errors", "schema", "settings", "storage", "machine", "textfiles")
# A package imports from the steps below its own and from the modules beside the packages, never from its neighbours.
STEPS = (
    {"models", "data"},
    {"evaluation", "checker"},
    {"training", "embeddings", "inside", "robustness"},
    {"photos", "papers"},
    {"runs"},
    {"jobs"},
    {"analysis"},
    {"tuning"},
    {"cli", "ui"},
)
# In ui, what all pages share; then each page's folder, and the folders of others that it draws from.
UI_SHARED = {"charts", "components", "selection"}
UI_PAGES = {
    "images": set(),
    "runs": set(),
    "papers": set(),
    "embeddings": {"images"},
    "confusions": {"images"},
    "data": {"images"},
    "robustness": {"images"},
    "inside": {"images", "robustness"},
    "predict": {"images", "embeddings"},
    "train": {"runs"},
    "compare": {"train"},
    "home": {"predict", "embeddings", "runs"},
    "settings": set(),
}
# Importing these loads torch; all others import it when they first need it.
TORCH = {
    "models.networks",
    "evaluation.gradcam",
    "inside.passes",
    *(f"training.{name}" for name in ("augment", "optimizers", "state", "loop", "distillation", "execution")),
    "photos.segmentation",
}


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


def module_name(path: Path) -> str:
    """`training.loop` of fmexplore/training/loop.py, `training` of its __init__.py."""
    return ".".join(path.relative_to(ROOT / "fmexplore").with_suffix("").parts).removesuffix(".__init__")


def package(name: str, inside: str = "") -> str:
    """The package of a module of fmexplore, or of its package `inside`: empty for what lies beside the packages."""
    name = name.removeprefix(f"{inside}.") if inside else name
    first = name.split(".")[0]
    return first if (ROOT / "fmexplore" / inside / first).is_dir() else ""


def own(names: set[str]) -> set[str]:
    """What of fmexplore is imported: `training.loop.train` of fmexplore.training.loop.train."""
    return {name.removeprefix("fmexplore.") for name in names if name.startswith("fmexplore.")}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_package_has_its_step_and_its_sentence():
    found = {path.parent.name for path in (ROOT / "fmexplore").glob("*/__init__.py")}
    assert sorted(each for step in STEPS for each in step) == sorted(found)
    assert {path.stem for path in MODULES if path.parent.name == "fmexplore"} == {"__init__", "__main__", *BESIDE}
    for path in (each for each in MODULES if each.stem == "__init__" and "components" not in each.parts):
        body = read(path).body
        assert ast.get_docstring(read(path)), name(path)
        assert path.parent == ROOT / "fmexplore" or len(body) == 1, f"{name(path)} holds more than a docstring"


def test_a_package_imports_only_from_the_steps_below_it():
    wrong = []
    for path in MODULES:
        here = package(module_name(path))
        below = {""}
        for step in STEPS:
            if here in step:
                break
            below |= step
        if not here:
            below = {"cli"} if path.stem == "__main__" else {""}
        found = {package(each) for each in own(imports(read(path)))}
        wrong += [f"{name(path)} -> {each}" for each in sorted(found - below - {here})]
    assert not wrong


def test_a_page_draws_only_from_what_all_share_and_from_the_folders_named():
    wrong = []
    for path in (each for each in MODULES if "ui" in each.relative_to(ROOT).parts and each.stem != "examples"):
        here = package(module_name(path), "ui")
        found = {package(each, "ui") for each in own(imports(read(path))) if each.startswith("ui.")} - {"", here}
        allowed = UI_SHARED | UI_PAGES[here] if here in UI_PAGES else UI_SHARED
        wrong += [f"{name(path)} -> ui.{each}" for each in sorted(found - allowed)]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle():
    modules = {module_name(path): path for path in MODULES}

    def module_of(imported: str) -> str:
        while imported not in modules:
            imported = imported.rpartition(".")[0]
        return imported

    graph = {each: {module_of(one) for one in own(imports(read(path)))} for each, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_nothing_outside_the_screen_imports_streamlit():
    importing = {name(path) for path in LIBRARY for each in imports(read(path)) if each.split(".")[0] == "streamlit"}
    assert not importing


def test_only_the_torch_modules_import_torch_when_imported():
    importing = {
        module_name(path)
        for path in LIBRARY
        if {"torch", "torchvision"} & {each.split(".")[0] for each in imports(read(path), at_import_only=True)}
    }
    assert importing == TORCH


def test_importing_all_modules_but_the_torch_modules_loads_neither_torch_nor_streamlit():
    names = [f"fmexplore.{module_name(path)}" for path in LIBRARY if module_name(path) not in TORCH | {"__main__"}]
    code = f"""
import sys
from importlib import import_module
for name in {names!r}:
    import_module(name)
    found = {{"torch", "streamlit", "matplotlib", "plotly"}} & set(sys.modules)
    if found:
        sys.exit(f"{{name}} imports {{found}}")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pages_import_only_the_screen_from_fmexplore():
    assert {each.split(".")[0] for path in SCREEN for each in own(imports(read(path)))} <= {"ui", "errors"}


def test_the_first_that_a_page_does_is_to_ask_for_the_frame():
    """`frame.require` says why; whatever came before it would be drawn twice on a server just started."""
    for path in SCREEN:
        calls = [ast.unparse(node) for node in read(path).body if isinstance(node, (ast.Expr, ast.With, ast.Assign))]
        assert calls[1].startswith("frame.require("), name(path)  # after the docstring


def test_the_pages_lie_flat_and_the_app_lists_each():
    """Streamlit makes the address of a page from its file name alone, and a cold link is looked up in pages/ itself."""
    assert sorted((ROOT / "pages").rglob("*.py")) == PAGES
    listed = re.findall(r"st\.Page\(\w+\.(\w+)_PAGE, ", (ROOT / "streamlit_app.py").read_text(encoding="utf-8"))
    assert sorted(listed) == [path.stem.upper() for path in PAGES]


def test_every_page_has_a_test_file():
    assert {path.stem for path in PAGES} <= {
        path.stem.removeprefix("test_") for path in (ROOT / "tests" / "pages").glob("*.py")
    }


def test_every_download_goes_through_the_one_that_does_not_run_the_script_again():
    """st.download_button runs it by default, which drops a file made on demand before the browser has asked for it."""
    using = {path.stem for path in MODULES + SCREEN if "st.download_button" in path.read_text(encoding="utf-8")}
    assert using == {"widgets"}


def test_every_number_in_a_text_of_a_page_has_the_preferred_decimal_sign():
    """As f"{num(value):.1f}"; what is listed here is never shown as text: style sheets, links and files.

    Nor are the examples of printed texts.
    """
    not_shown = {"formatting": "%", "preferences": "g", "map_area": ".6g"}
    not_shown |= {"selection": ".6g", "table": ".4f"}
    wrong = []
    for path in (each for each in MODULES if "ui" in each.relative_to(ROOT).parts and each.stem != "examples"):
        for node in ast.walk(read(path)):
            if isinstance(node, ast.FormattedValue) and node.format_spec and "num(" not in ast.unparse(node.value):
                spec = "".join(str(part.value) for part in node.format_spec.values if isinstance(part, ast.Constant))
                if re.search(r",|g$|\.[1-9]\d*f$", spec) and not_shown.get(path.stem) != spec:
                    wrong.append(f"{name(path)}:{node.lineno} {ast.unparse(node.value)}:{spec}")
    assert not wrong


def test_every_table_goes_through_the_one_with_the_preferred_decimal_sign():
    using = {path.stem for path in MODULES + SCREEN if "st.dataframe" in path.read_text(encoding="utf-8")}
    assert using == {"widgets"}


def test_streamlits_caches_are_used_in_one_module_only():
    using = {name(path) for path in MODULES + SCREEN if "st.cache_" in path.read_text(encoding="utf-8")}
    assert using == {"fmexplore/ui/shared.py"}


def test_a_page_has_at_most_120_lines_and_a_module_400():
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*MODULES, *SCREEN]}
    pages = {name(path) for path in SCREEN}
    assert not {each: length for each, length in lengths.items() if length > (120 if each in pages else 400)}


def test_a_script_or_style_sheet_has_at_most_300_lines():
    """Fewer than a module of Python: a file of JavaScript has no docstrings, and 300 is the linters' own default."""
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SCRIPTS_AND_STYLES}
    assert not {each: length for each, length in lengths.items() if length > 300}


def test_plotly_is_imported_only_with_the_first_figure():
    importing = {name(path) for path in MODULES if "plotly" in {i.split(".")[0] for i in imports(read(path), True)}}
    assert not importing


def test_every_module_says_what_it_is():
    silent = [name(path) for path in [*MODULES, *SCREEN] if read(path).body and not ast.get_docstring(read(path))]
    assert not silent


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
