"""What this program is: version, licence, source, how to cite it, and how to report a problem."""

import json
import platform
import tomllib
from importlib import metadata

import streamlit as st

import fmexplore
from fmexplore.errors import FMExploreError
from fmexplore.runs.run import Run
from fmexplore.settings import INSTALLED, PROJECT
from fmexplore.ui import formatting, messages, session, shared
from fmexplore.ui.components.copy_text import copy_text

YEAR = 2026  # of the licence
LIBRARIES = ("streamlit", "torch", "numpy", "scikit-learn", "umap-learn", "plotly")
CITATION = f"""\
@software{{fmexplore,
  title   = {{fmexplore: explore how a CNN learns Fashion-MNIST}},
  author  = {{{{The fmexplore authors}}}},
  year    = {{{YEAR}}},
  version = {{{fmexplore.__version__}}},
  license = {{MIT}}
}}
@article{{xiao2017fashion,
  title   = {{Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms}},
  author  = {{Xiao, Han and Rasul, Kashif and Vollgraf, Roland}},
  journal = {{arXiv preprint arXiv:1708.07747}},
  year    = {{2017}}
}}
"""


def about() -> None:
    """The view."""
    st.subheader(f"fmexplore {fmexplore.__version__}, under the MIT licence", anchor=False)
    st.markdown(
        f"Copyright {YEAR} the fmexplore authors. You may use, change and pass it on, as long as the licence goes with "
        f"it. Fashion-MNIST is by Xiao, Rasul and Vollgraf (2017), under the MIT licence too.\n\n{_source()}",
        width=720,
    )
    st.markdown("**To cite it and the data set**")
    st.code(CITATION, language="bibtex")
    copy_text("Copy the BibTeX", CITATION, "copy_citation")
    st.markdown("**To report a problem**")
    st.markdown(
        "Say what you did, what you expected and what you saw, with the link of the page, and add the report below: "
        f"versions and, if you like, the configuration of a run. Send it to {_whom()}. Nothing is sent by itself.",
        width=720,
    )
    text = report(_chosen_run())
    copy_text("Copy the report", text, "copy_report")
    with st.expander("The report"):
        st.code(text, language=None)


def _chosen_run() -> Run | None:
    runs = {run.id: run for run in session.runs() if session.is_whole(run)}
    texts = formatting.run_texts(runs.values())
    shown = None
    with messages.boundary():
        shown = session.shown_run()
    options = list(runs)
    if shown and shown.id in runs:
        st.session_state.setdefault("reported_run", shown.id)
    chosen = st.selectbox(
        "With the configuration of",
        options,
        index=None,
        key="reported_run",
        format_func=lambda run_id: texts.get(run_id, run_id),
        placeholder="No run",
        width=420,
    )
    return runs.get(chosen) if chosen else None


def report(run: Run | None) -> str:
    """Versions of this server and browser, and a run's state and configuration, as lines of text."""
    hosted = ", hosted" if shared.settings().hosted else ""
    lines = [
        f"fmexplore {fmexplore.__version__}{' (installed)' if INSTALLED else ''}{hosted}",
        f"Python {platform.python_version()} on {platform.system()} {platform.release()}, {platform.machine()}",
        ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
        f"browser: {st.context.headers.get('User-Agent', 'unknown')}",
    ]
    if run:
        try:
            status = run.status
            told = [f"run {run.id}: {'shipped' if run.shipped else status.state}, task {status.task}"]
            told += [f"error: {status.error}"] if status.error else []
            lines += [*told, json.dumps(run.config.model_dump(mode="json"), indent=1)]
        except FMExploreError as error:
            lines.append(f"run {run.id}: {error}")
    return "\n".join(lines) + "\n"


def source_address() -> str:
    """Where the source is published, as the project's metadata say; empty where they do not."""
    try:
        if INSTALLED:
            found = [line.partition(", ")[2] for line in metadata.metadata("fmexplore").get_all("Project-URL") or ()]
        else:
            project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            found = list(project.get("urls", {}).values())
    except (metadata.PackageNotFoundError, OSError, KeyError, ValueError):
        return ""
    return next(iter(found), "")


def _source() -> str:
    if address := source_address():
        return f"Source: <{address}>"
    where = "the computer that serves this page" if shared.settings().hosted else f"this computer, in `{PROJECT}`"
    return f"The source came with this copy and lies on {where}. The project states no public address."


def _whom() -> str:
    if address := source_address():
        return f"<{address}>"
    return "the person who runs this server" if shared.settings().hosted else "the person from whom you have this copy"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
