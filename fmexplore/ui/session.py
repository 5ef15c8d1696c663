"""Session keys and query parameters: all that a page remembers, typed and checked, in one place."""

import hashlib
import re
from collections.abc import Sequence

import streamlit as st

from fmexplore.errors import FMExploreError, RunNotFound
from fmexplore.runs.run import Run
from fmexplore.runs.status import LOCAL_OWNER
from fmexplore.training.config import RunConfig
from fmexplore.training.presets import find_preset
from fmexplore.ui import shared, url
from fmexplore.ui.components.owner import COOKIE, make_owner_key

HOME_PAGE, TRAIN_PAGE, CONFUSIONS_PAGE = "pages/home.py", "pages/train.py", "pages/confusions.py"
EMBEDDINGS_PAGE, DATA_PAGE, PREDICT_PAGE = "pages/embeddings.py", "pages/data.py", "pages/predict.py"
COMPARE_PAGE, PAPERS_PAGE, SETTINGS_PAGE = "pages/compare.py", "pages/papers.py", "pages/settings.py"
FIRST = "quick"  # the preset that everything starts from
FOR_PHOTOS = "photo"  # the shipped run that knows photos


def owner() -> str:
    """Who uses this browser: everyone alike on a laptop, a hash of the browser's key on a hosted server.

    The hash, because statuses can be read by others and a key must not be. Empty until the key has arrived.
    """
    if not shared.settings().hosted:
        return LOCAL_OWNER
    key = _owner_key()
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""


def ask_owner() -> None:
    """Have a browser without a key make one. Once per run of the script: it mounts a component."""
    if shared.settings().hosted and not _owner_key():
        st.session_state.owner_key = make_owner_key()


def _owner_key() -> str:
    for key in (st.context.cookies.get(COOKIE), st.session_state.get("owner_key")):
        if re.fullmatch("[0-9a-f]{32}", key or ""):
            return str(key)
    return ""


# --- runs, and the one in the link -----------------------------------------------------------------------------------


def runs() -> list[Run]:
    """All that this owner may see: own ones, the newest first, then shipped ones."""
    return [*shared.store().owned_by(owner()), *shared.store().shipped_runs()]


def is_whole(run: Run) -> bool:
    """Whether its configuration and its status can be read."""
    try:
        return bool(run.config and run.status)
    except FMExploreError:
        return False


def run_in_link() -> Run | None:
    """The run that the link names. Raises RunNotFound for one that is not there."""
    name = st.query_params.get("run")
    try:
        return shared.store().get(name) if name else None
    except RunNotFound as error:
        raise RunNotFound(f"{error} The link may be old, or the run was deleted: choose another one.") from None


def select_run(run_id: str | None) -> None:
    """Put a run into the link, or none; without the moment of the run before, and not compared to itself."""
    st.session_state.kept_run = run_id
    other = st.query_params.get("other")
    url.go(run=run_id or None, snapshot=None, other=None if other == run_id else other)


def shown_run(first: str = "") -> Run | None:
    """The run in the link, else the one chosen last, the shipped one called `first`, the owner's active or newest
    one, a shipped one."""
    if chosen := run_in_link() or _kept_run():
        return chosen
    if first and (found := shipped_run(first)):
        return found
    there = runs()
    active = (run for run in there if not run.shipped and is_whole(run) and run.status.active)
    return next(active, next(iter(there), None))


def keep_run() -> None:
    """Remember the run that the link names, for pages that are opened without one; not one that a page put there."""
    name = st.query_params.get("run")
    if name and name != st.session_state.get("named_run"):
        st.session_state.kept_run = name


def _kept_run() -> Run | None:
    name = st.session_state.get("kept_run")
    try:
        return shared.store().get(name) if name else None
    except FMExploreError:  # deleted meanwhile
        return None


def shipped_run(name: str) -> Run | None:
    """The shipped run of that name, if it is there."""
    return next((run for run in shared.store().shipped_runs() if run.id == name), None)


# --- the configuration being edited ----------------------------------------------------------------------------------


def draft() -> RunConfig:
    """What *Start training* would train."""
    if "draft" not in st.session_state:
        set_draft(find_preset(FIRST).config)
    return RunConfig.parse(st.session_state.draft)


def take_preset() -> None:
    """Start from the preset that the link names, once. Raises ConfigError for one that is not there."""
    named = st.query_params.get("preset")
    if named and named != st.session_state.get("named_preset"):
        set_draft(find_preset(named).config)
        st.session_state.named_preset = named


def set_draft(config: RunConfig) -> None:
    """Replace it; the widgets of the form show its values from the next run of the page on."""
    st.session_state.draft = config.model_dump(mode="json")
    for key in [key for key in st.session_state if str(key).startswith("field:")]:
        del st.session_state[key]


def change_draft(path: str, value: object) -> None:
    """Change one setting of the training, as in "augmentation.flip". Raises ConfigError and leaves it as it was."""
    values = draft().training.model_dump(mode="json")
    *outer, last = path.split(".")
    inner = values
    for key in outer:
        inner[key] = dict(inner[key] or {})
        inner = inner[key]
    inner[last] = value
    st.session_state.draft = draft().replace(training=values).model_dump(mode="json")


def change_model(**changes: object) -> None:
    """Change the network: its layers (as JSON), initialisation or input scale. Raises ConfigError, changing nothing."""
    config = draft()
    model = {**config.model.model_dump(mode="json"), **changes}
    st.session_state.draft = config.replace(model=model, preset=_custom(config.preset)).model_dump(mode="json")


def _custom(preset: str) -> str:
    return preset if preset.startswith("custom") else f"custom-{preset}"[:40]


# --- the result of the last action -----------------------------------------------------------------------------------


def notify(message: str, undo: Sequence[str] = (), wrong: bool = False) -> None:
    """Show `message` above the page from the next run on; `undo` are the ids of runs that were just deleted."""
    st.session_state.notice = {"message": message, "undo": undo, "wrong": wrong}


def notice() -> dict | None:
    """The message to show, until it is dismissed."""
    return st.session_state.get("notice")


def dismiss() -> None:
    st.session_state.pop("notice", None)
