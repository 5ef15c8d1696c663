"""`python -m fmexplore.ui.serve`: Streamlit's command line, whose server watches the folders of source files alone.

Streamlit watches the folder of each source file with all folders below it. The app's own is the project's, with
`.venv`, `runs` and `cache` below it: whatever is installed, trained or tested would reach the server as an event, and a
long test run overflow their queue. A file's own folder is enough to see the file change.
"""

from importlib.util import find_spec

from streamlit.web import cli


def watch_flat() -> None:
    """Have Streamlit watch no folder below those of its source files."""
    from streamlit.watcher import event_based_path_watcher
    from watchdog.observers import Observer

    class FlatObserver(Observer):  # type: ignore[valid-type, misc] a class chosen by the system
        def schedule(self, event_handler, path, *, recursive=False, **options):
            return super().schedule(event_handler, path, recursive=False, **options)

    event_based_path_watcher.Observer = FlatObserver


if __name__ == "__main__":
    if find_spec("watchdog"):  # on macOS Streamlit does without, and looks at each file again and again
        watch_flat()
    cli.main(prog_name="streamlit")
