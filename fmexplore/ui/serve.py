"""`python -m fmexplore.ui.serve`: Streamlit's command line, whose server watches the folders of source files alone.

Streamlit watches the folder of each source file with all folders below it. The app's own is the project's, with
`.venv`, `runs` and `cache` below it: whatever is installed, trained or tested would reach the server as an event, and a
long test run overflow their queue. A file's own folder is enough to see the file change.
"""

from streamlit.watcher import event_based_path_watcher
from streamlit.web import cli
from watchdog.observers import Observer


class FlatObserver(Observer):  # type: ignore[valid-type, misc] a class chosen by the system
    """Never watches what lies below a folder."""

    def schedule(self, event_handler, path, *, recursive=False, **options):
        return super().schedule(event_handler, path, recursive=False, **options)


if __name__ == "__main__":
    event_based_path_watcher.Observer = FlatObserver
    cli.main(prog_name="streamlit")
