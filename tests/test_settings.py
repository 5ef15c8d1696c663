"""Settings from the environment: none on a laptop, all limits on a hosted server."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from fmexplore import settings as settings_module
from fmexplore.errors import ConfigError
from fmexplore.settings import HOSTED_LIMITS, NAMES, PROJECT, Settings, child_environment, read_settings


def test_a_laptop_has_no_limits():
    settings = read_settings({})
    assert settings == Settings(home=PROJECT)
    assert not settings.hosted
    assert all(getattr(settings, name) is None for name in NAMES if name.startswith("max_") and name != "max_cache_mb")


def test_only_what_can_be_computed_again_has_a_limit_everywhere():
    for environment in ({}, {"FMEXPLORE_HOSTED": "1"}):
        assert read_settings(environment).max_cache_mb == 1000
        assert read_settings({**environment, "FMEXPLORE_MAX_CACHE_MB": "0.5"}).max_cache_mb == 0.5


def test_a_hosted_server_has_every_limit():
    settings = read_settings({"FMEXPLORE_HOSTED": "1"})
    assert settings.hosted
    assert {name: getattr(settings, name) for name in HOSTED_LIMITS} == HOSTED_LIMITS
    assert set(NAMES) == {*HOSTED_LIMITS, "proxies", "trainings", "max_cache_mb", "max_memory_mb"}


@pytest.mark.parametrize("value", ["", "0"])
def test_hosted_can_be_switched_off(value):
    assert read_settings({"FMEXPLORE_HOSTED": value}) == read_settings({})


@pytest.mark.parametrize(("field", "name"), NAMES.items())
def test_every_limit_has_its_variable_and_it_beats_the_hosted_one(field, name):
    assert getattr(read_settings({name: "3"}), field) == 3
    assert getattr(read_settings({"FMEXPLORE_HOSTED": "1", name: "3"}), field) == 3


def test_limits_may_be_fractions_but_trainings_are_whole_and_at_least_one():
    assert read_settings({"FMEXPLORE_MAX_MINUTES": "0.5"}).max_minutes == 0.5
    assert read_settings({"FMEXPLORE_TRAININGS": "2.9"}).trainings == 2
    assert read_settings({"FMEXPLORE_TRAININGS": "0.5"}).trainings == 1


@pytest.mark.parametrize("name", NAMES.values())
@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", "inf"])
def test_a_limit_that_is_no_number_above_zero_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"^{name} is '{value}': give a number above 0"):
        read_settings({name: value})


def test_an_empty_limit_is_left_out():
    assert read_settings({"FMEXPLORE_MAX_RUNS": ""}).max_runs is None


def test_home_may_be_relative_or_start_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("here", "~/here"):
        settings = read_settings({"FMEXPLORE_HOME": value})
        assert settings.home == tmp_path.resolve() / "here"
        assert settings.runs == settings.home / "runs"
        assert settings.cache == settings.home / "cache"


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A project that cannot be written, and a temporary folder of the test's own."""
    monkeypatch.setattr(settings_module, "PROJECT", tmp_path / "cannot be written")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path.resolve()


def test_where_the_project_cannot_be_written_home_is_temporary_and_the_settings_say_so(read_only):
    settings = read_settings({})
    assert settings.forgets
    assert settings.home.parent == read_only
    assert read_settings({}) == settings  # every process finds the same one
    (settings.home / "runs").mkdir()
    if os.name == "posix":
        assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_a_home_that_was_chosen_is_taken_wherever_the_project_is(read_only):
    settings = read_settings({"FMEXPLORE_HOME": str(read_only / "mine")})
    assert (settings.home, settings.forgets) == (read_only / "mine", False)


def test_the_disk_of_streamlit_community_cloud_forgets(monkeypatch, tmp_path):
    monkeypatch.setattr(settings_module, "PROJECT", tmp_path / "src" / "fmexplore")
    (tmp_path / "src" / "fmexplore").mkdir(parents=True)
    assert not read_settings({}).forgets
    monkeypatch.setattr(settings_module, "CLOUD", tmp_path / "src")
    assert read_settings({}).forgets
    assert read_settings({}).home == tmp_path / "src" / "fmexplore"


@pytest.mark.skipif(os.name != "posix", reason="the temporary folder is shared on POSIX only")
def test_a_temporary_home_that_leads_elsewhere_is_refused(read_only):
    (read_only / "trap").mkdir()
    settings_module.default_home().symlink_to(read_only / "trap")
    with pytest.raises(ConfigError, match="set FMEXPLORE_HOME"):
        read_settings({})


def test_where_nothing_can_be_written_the_remedy_is_named(read_only, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(read_only / "gone"))
    with pytest.raises(ConfigError, match=r"cannot be written, nor can .*: set FMEXPLORE_HOME"):
        read_settings({})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A user's own folder, of one who has fmexplore installed."""
    monkeypatch.setattr(settings_module, "INSTALLED", True)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "user"


@pytest.mark.skipif(os.name != "posix", reason="Windows does not name the folder by HOME")
def test_an_installation_keeps_its_runs_with_the_users_data(installed):
    settings = read_settings({})
    assert settings.home.is_relative_to(installed)
    assert settings.home.name == "fmexplore"
    assert not settings.forgets
    assert settings_module.default_home() == settings.home


def test_an_installation_of_a_user_without_a_folder_keeps_them_in_the_temporary_one(installed, read_only, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    settings = read_settings({})
    assert settings.home.parent == read_only
    assert settings.forgets


def test_the_environment_of_the_process_is_read_by_default(home):
    assert read_settings().home == Path(home).resolve()


def test_child_processes_get_whole_places_and_all_else_as_it_is(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMEXPLORE_DATA", "here")
    monkeypatch.setenv("FMEXPLORE_HOME", "elsewhere")
    monkeypatch.setenv("FMEXPLORE_MAX_CACHE_MB", "7")
    environment = child_environment(Settings(home=home))
    assert environment["FMEXPLORE_DATA"] == str(tmp_path / "here")
    assert environment["FMEXPLORE_HOME"] == str(home)
    assert environment["FMEXPLORE_MAX_CACHE_MB"] == "7"
    monkeypatch.delenv("FMEXPLORE_DATA")
    assert "FMEXPLORE_DATA" not in child_environment(Settings(home=home))
