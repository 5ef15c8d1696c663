"""A run made by `train`, for the tests of commands."""

import pytest


@pytest.fixture
def config_file(tiny, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(tiny.model_dump_json())
    return path


@pytest.fixture
def trained(call, config_file, drawn_folder, store):
    """A run made by `train`."""
    code, _, error = call("train", "--config", config_file)
    assert (code, error) == (0, "")
    [run] = store.own_runs()
    return run
