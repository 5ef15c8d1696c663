"""Pages on a server whose home cannot be written: what needs no writing works, and all else says what to do."""

import builtins
import errno
import os
import threading

import pytest

from fmexplore.errors import StorageError
from fmexplore.ui import shared
from fmexplore.ui.session import COMPARE_PAGE, CONFUSIONS_PAGE, EMBEDDINGS_PAGE, HOME_PAGE, TRAIN_PAGE

REMEDY = "check the folder's permissions"


@pytest.fixture
def read_only(home, monkeypatch):
    """From the call on, nothing in the home can be made or changed, as on a disk that is mounted so."""

    def guard(act, writes):
        def guarded(path, *arguments, **options):
            if not isinstance(path, int) and str(path).startswith(str(home)) and writes(path, *arguments):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return act(path, *arguments, **options)

        return guarded

    def protect() -> None:
        monkeypatch.setattr(builtins, "open", guard(open, lambda _, mode="r", *__: set(mode) & set("wax+")))
        monkeypatch.setattr(os, "open", guard(os.open, lambda _, flags, *__: flags & (os.O_WRONLY | os.O_RDWR)))
        for name in ("mkdir", "replace", "utime"):
            monkeypatch.setattr(os, name, guard(getattr(os, name), lambda path, *_: not os.path.isdir(path)))

    return protect


def test_every_press_that_would_write_says_why_it_cannot_and_pages_are_still_read(app, make_run, read_only):
    runs = [make_run(weights="random", state="finished") for _ in range(2)]
    page = app()
    read_only()
    page.open(TRAIN_PAGE, preset="lenet-5").click("Start training")
    assert REMEDY in "".join(page.errors)
    page = app().open(TRAIN_PAGE, run=runs[0].id)
    assert page.errors == []
    page.open(HOME_PAGE)
    assert page.errors == []
    page.open(COMPARE_PAGE, runs=",".join(run.id for run in runs))
    assert page.errors == []
    for other in (CONFUSIONS_PAGE, EMBEDDINGS_PAGE):
        page.open(other, run=runs[0].id)
        assert all(REMEDY in error for error in page.errors)


def test_work_in_the_background_leaves_no_traceback(app, read_only, monkeypatch):
    app().open(HOME_PAGE)
    read_only()
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    monkeypatch.setattr(shared, "DELAY_SECONDS", 0)
    shared.run_delayed(shared.queue().submit, "measure")
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(30)
    assert raised == []
    with pytest.raises(StorageError, match=REMEDY):
        shared.queue().submit("measure")
