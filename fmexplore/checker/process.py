"""Checks a text in a process of its own, so that no text can hold up the one that asks, or bring it down.

What a text can do to a reader of texts is not known beforehand: the process is stopped after two seconds.
"""

import pickle
import subprocess
import sys

from fmexplore.checker.scores import Axis
from fmexplore.checker.text import Checked, check_text, refuse_unreadable
from fmexplore.errors import AnalysisFailed, FMExploreError
from fmexplore.settings import PACKAGE

ARGUMENTS = ("-m", "fmexplore.checker.process")
SECONDS = 2.0  # without the start of the process


def check_apart(
    text: str, accuracy: str | float | None = None, rows: Axis | None = None, seconds: float = SECONDS
) -> Checked:
    """As `check_text`, in a process of its own.

    Raises:
        ConfigError: as `check_text` does.
        AnalysisFailed: it took longer than `seconds`, or the process ended without an answer.
    """
    refuse_unreadable(text)
    process = subprocess.Popen(
        [sys.executable, *ARGUMENTS],
        cwd=PACKAGE.parent,  # where Python finds this package
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            assert process.stdout
            process.stdout.read(1)  # it is there and waits
            answer, _ = process.communicate(pickle.dumps((text, accuracy, rows)), timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AnalysisFailed(
                f"The text takes longer than {seconds:g} seconds to check, and was not checked: give a part of it."
            ) from None
        except OSError:
            answer = b""
        finally:
            process.kill()
    try:
        found = pickle.loads(answer)
    except (EOFError, pickle.UnpicklingError):
        raise AnalysisFailed("The checker could not read the text, and gave no answer: give a part of it.") from None
    if isinstance(found, FMExploreError):
        raise found
    return found


def main() -> None:
    """Answer one question on standard input."""
    sys.stdout.buffer.write(b".")
    sys.stdout.buffer.flush()
    text, accuracy, rows = pickle.load(sys.stdin.buffer)
    try:
        found: Checked | FMExploreError = check_text(text, accuracy, rows)
    except FMExploreError as error:
        found = error
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    main()
