"""Session keys and query parameters: all that a page remembers, typed and checked, in one place."""

from collections.abc import Iterable, Sequence

import streamlit as st

from fmexplore.errors import FMExploreError, RunNotFound
from fmexplore.runs.run import Run
from fmexplore.runs.status import LOCAL_OWNER
from fmexplore.training.config import RunConfig
from fmexplore.training.presets import find_preset, presets
from fmexplore.ui import preferences, shared, url, visitor
from fmexplore.ui.components.owner import make_owner_key

HOME_PAGE, TRAIN_PAGE, CONFUSIONS_PAGE = "pages/home.py", "pages/train.py", "pages/confusions.py"
EMBEDDINGS_PAGE, DATA_PAGE, PREDICT_PAGE = "pages/embeddings.py", "pages/data.py", "pages/predict.py"
INSIDE_PAGE = "pages/inside.py"
COMPARE_PAGE, PAPERS_PAGE, SETTINGS_PAGE = "pages/compare.py", "pages/papers.py", "pages/settings.py"
FIRST = "quick"  # the preset that everything starts from
FOR_PHOTOS = "photo"  # the shipped run that knows photos
CUSTOM = "custom"  # begins the name of a network that is no preset's any more


def owner() -> str:
    """Who uses this browser: everyone alike on a laptop, a hash of the browser's key on a hosted server.

    Empty until the key has arrived.
    """
    return visitor.owner_of_key() if shared.settings().hosted else LOCAL_OWNER


def ask_owner() -> None:
    """Have a browser without a key make one. Once per run of the script: it mounts a component."""
    if shared.settings().hosted and not visitor.owner_key():
        st.session_state.owner_key = make_owner_key()


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
    _keep_run(run_id)
    other = st.query_params.get("other")
    other = None if other == run_id else other
    url.go(run=run_id or None, snapshot=None, other=other, channel=None, at=None)


def shown_run(first: str = "") -> Run | None:
    """The run in the link, else the one chosen last in this visit, the shipped one called `first`, the one chosen
    last in an earlier visit, the best finished one, and where none has finished the newest."""
    if chosen := run_in_link() or _kept_run():
        return chosen
    if found := (shipped_run(first) if first else None) or _run_of_earlier_visit():
        return found
    there = runs()
    return best_run(there) or next(filter(went_well, there), None) or next(iter(there), None)


def run_to_watch() -> Run | None:
    """As `shown_run` for the page that trains: where nothing was chosen in this visit, the owner's active run, else
    the one chosen last, else the best one of the preset in the form, so that form and curves belong together."""
    if chosen := run_in_link() or _kept_run():
        return chosen
    there = runs()
    active = next((run for run in there if not run.shipped and is_whole(run) and run.status.active), None)
    if found := active or _run_of_earlier_visit():
        return found
    preset = _preset_in_form()
    fitting = (run for run in there if is_whole(run) and run.config.preset == preset and not run.hardening)
    return best_run(fitting) or shown_run()


def _preset_in_form() -> str:
    """What the form shows, or will, where the link names a preset that was not taken yet."""
    named = st.query_params.get("preset")
    if named in presets() and named != st.session_state.get("named_preset"):
        return named
    return draft().preset.removeprefix(f"{CUSTOM}-")


def best_run(among: Iterable[Run]) -> Run | None:
    """The finished run with the highest validation accuracy; None where none has both weights and an accuracy."""
    ranked = [(accuracy, run) for run in among if is_finished(run) and (accuracy := _accuracy(run)) is not None]
    return max(ranked, key=lambda pair: pair[0], default=(0, None))[1]


def is_finished(run: Run) -> bool:
    """Whether it has been trained to its end and can be asked about images."""
    return went_well(run) and run.status.state == "finished" and run.has_weights


def went_well(run: Run) -> bool:
    """Whether a page may choose or suggest the run by itself: it is whole, did not diverge, and has usable weights."""
    return is_whole(run) and not run.status.diverged and run.answers


def _accuracy(run: Run) -> float | None:
    """On validation images; where a run has none, on test images."""
    result = run.status.result
    return result.test_accuracy if result.validation_accuracy is None else result.validation_accuracy


def keep_run() -> None:
    """Remember the run that the link names, for pages that are opened without one; not one that a page put there."""
    name = st.query_params.get("run")
    if name and name != st.session_state.get("named_run"):
        _keep_run(name)


def _keep_run(run_id: str | None) -> None:
    st.session_state.kept_run = run_id
    preferences.keep_run(run_id)


def _kept_run() -> Run | None:
    """The one chosen last in this visit."""
    return _find(st.session_state.get("kept_run"))


def _run_of_earlier_visit() -> Run | None:
    """The one chosen last before this visit, if pages can show it; none once something was chosen in this visit."""
    run = None if "kept_run" in st.session_state else _find(preferences.last_run())
    return run if run and went_well(run) else None


def _find(run_id: str | None) -> Run | None:
    try:
        return shared.store().get(run_id) if run_id else None
    except FMExploreError:  # deleted meanwhile
        return None


def shipped_run(name: str) -> Run | None:
    """The shipped run of that name, if it is there."""
    return next((run for run in shared.store().shipped_runs() if run.id == name), None)


# --- the configuration being edited ----------------------------------------------------------------------------------


def draft() -> RunConfig:
    """What *Start training* would train."""
    if "draft" not in st.session_state:  # the link may name another preset, which is taken by `take_preset`
        st.session_state.draft = find_preset(FIRST).config.model_dump(mode="json")
    return RunConfig.parse(st.session_state.draft)


def take_preset() -> None:
    """Start from the preset that the link names, once. Raises ConfigError for one that is not there."""
    named = st.query_params.get("preset")
    if named and named != st.session_state.get("named_preset"):
        set_draft(find_preset(named).config)
        st.session_state.named_preset = named


def set_draft(config: RunConfig) -> None:
    """Replace it; the widgets of the form show its values from the next run of the page on."""
    _write_draft(config)
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
    _write_draft(draft().replace(training=values))


def change_model(**changes: object) -> None:
    """Change the network: its layers (as JSON), initialisation or input scale. Raises ConfigError, changing nothing."""
    config = draft()
    model = {**config.model.model_dump(mode="json"), **changes}
    _write_draft(config.replace(model=model, preset=_custom(config.preset)))


def _write_draft(config: RunConfig) -> None:
    """Keep it, and take out of the link a preset that it is not: the link would bring something else."""
    st.session_state.draft = config.model_dump(mode="json")
    named = st.query_params.get("preset")
    if named and (named not in presets() or config != presets()[named].config):
        st.session_state.pop("named_preset", None)  # Back brings it again
        url.go(preset=None)


def _custom(preset: str) -> str:
    return preset if preset.startswith(CUSTOM) else f"{CUSTOM}-{preset}"[:40]


# --- the result of the last action -----------------------------------------------------------------------------------


def notify(message: str, undo: Sequence[str] = (), wrong: bool = False, run: str | None = None) -> None:
    """Show `message` on the page from the next run on.

    `undo` are the ids of runs that were just deleted, `run` that of a run to open. What is `wrong` stays only as long
    as the page and the link that it is about.
    """
    st.session_state.notice = {"message": message, "undo": undo, "wrong": wrong, "run": run, "place": _place()}


def notice() -> dict | None:
    """The message to show, until it is dismissed or what it is about has gone."""
    found = st.session_state.get("notice")
    if found and found["wrong"] and found["place"] != _place():
        dismiss()
        return None
    return found


def _place() -> tuple:
    return st.session_state.get("page"), st.query_params.to_dict()


def enter(page: str) -> None:
    """Note which page is shown."""
    st.session_state.page = page


def dismiss() -> None:
    st.session_state.pop("notice", None)
