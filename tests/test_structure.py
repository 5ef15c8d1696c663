"""Which package may import which, and what pages may be: read from the source, without running it."""

import ast
from pathlib import Path

import fmexplore
from fmexplore import errors

ROOT = Path(fmexplore.__file__).resolve().parent.parent
MODULES = sorted((ROOT / "fmexplore").rglob("*.py"))
LIBRARY = [path for path in MODULES if "ui" not in path.relative_to(ROOT).parts]
SCREEN = [path for path in (ROOT / "streamlit_app.py", *sorted((ROOT / "screens").rglob("*.py"))) if path.is_file()]

# A package imports from the steps below its own and from the modules beside the packages, never from its neighbours.
STEPS = (
    {"models", "data"},
    {"evaluation", "checker"},
    {"training", "embeddings"},
    {"photos", "papers"},
    {"runs"},
    {"jobs"},
    {"analysis"},
    {"cli", "ui"},
)


BESIDE = {"__init__", "__main__", "errors", "schema", "settings", "storage", "machine"}


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


def package(name: str) -> str:
    """The package of a module of fmexplore: empty for the modules that lie beside the packages."""
    first = name.split(".")[0]
    return first if (ROOT / "fmexplore" / first).is_dir() else ""


def own(names: set[str]) -> set[str]:
    """What of fmexplore is imported: `training.loop.train` of fmexplore.training.loop.train."""
    return {name.removeprefix("fmexplore.") for name in names if name.startswith("fmexplore.")}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_package_has_its_step():
    assert set().union(*STEPS) >= {package(module_name(path)) for path in MODULES} - {""}
    assert sum(map(len, STEPS)) == len(set().union(*STEPS))


def test_a_package_imports_only_from_the_steps_below_it():
    wrong = []
    for path in MODULES:
        here = package(module_name(path))
        if not here and path.stem not in BESIDE:
            continue
        below = {""}
        for step in STEPS:
            if here in step:
                break
            below |= step
        if not here:
            below = {"", "cli"} if path.stem == "__main__" else {""}
        found = {package(each) for each in own(imports(read(path)))}
        wrong += [f"{name(path)} -> {each}" for each in sorted(found - below - {here})]
    assert not wrong


def test_nothing_outside_the_screen_imports_streamlit():
    importing = {name(path) for path in LIBRARY for each in imports(read(path)) if each.split(".")[0] == "streamlit"}
    assert not importing


def test_pages_import_only_the_screen_from_fmexplore():
    assert {each.split(".")[0] for path in SCREEN for each in own(imports(read(path)))} <= {"ui", "errors"}


def test_there_is_no_folder_named_pages():
    """Where one stands beside streamlit_app.py, a server's first session that opens a deep link is told "Page not
    found": Streamlit 1.67 first looks the page up there, before st.navigation has said which pages there are."""
    assert not (ROOT / "pages").exists()


def test_no_two_pages_have_the_same_file_name():
    """Streamlit makes the address of a page from its file name alone, whatever its folder."""
    stems = [path.stem for path in (ROOT / "screens").rglob("*.py")]
    assert len(set(stems)) == len(stems)


def test_every_download_goes_through_the_one_that_does_not_run_the_script_again():
    """st.download_button runs it by default, which drops a file made on demand before the browser has asked for it."""
    using = {path.stem for path in MODULES + SCREEN if "st.download_button" in path.read_text(encoding="utf-8")}
    assert using == {"widgets"}


def test_a_page_has_at_most_120_lines_and_a_module_400():
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*MODULES, *SCREEN]}
    pages = {name(path) for path in SCREEN}
    assert not {each: length for each, length in lengths.items() if length > (120 if each in pages else 400)}


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
