"""Values as texts: numbers with units, names of runs, text that markdown must not change."""

import re
from collections import Counter
from collections.abc import Iterable

from fmexplore.data.fashion_mnist import CLASS_NAMES, PLURALS
from fmexplore.errors import RunBroken
from fmexplore.evaluation.significance import PairedComparison, say_p
from fmexplore.runs.run import Run
from fmexplore.runs.status import Result
from fmexplore.ui import preferences

WITH_COMMA = str.maketrans({".": ",", ",": "\N{NARROW NO-BREAK SPACE}"})
CODE = re.compile(r"((?<![^\s(])`[^`\n]+`(?![^\s.,:;)]))")
# Links, pictures and colours of markdown, emphasis, and what makes a line a heading or a list.
MARKUP = re.compile(r"[\[\]<>$:*~\\`]|(?<!\w)_|_(?!\w)|^[#+-](?=\s|#)|(?<=^\d)[.)](?=\s)", re.MULTILINE)


def plain(text: str) -> str:
    """Text that a person has typed, so that markdown shows it as it is."""
    return _part_addresses(re.sub(r"([\\`*_{}\[\]<>()#+.!|$:~-])", r"\\\1", text))


def unlinked(message: str) -> str:
    """A message whose `code` stays code, while any other markdown, as in a name that it quotes, stays text."""
    parts = CODE.split(message)
    parts[::2] = [_part_addresses(MARKUP.sub(r"\\\g<0>", part)) for part in parts[::2]]
    return "".join(parts)


def _part_addresses(text: str) -> str:
    """Text in which no address becomes a link: the browser looks for them after all escapes have been read."""
    return re.sub(r"(?i)(https?|www)(?=\\?[:.])|(?<=\w)(?=@\w)", "\\g<0>\N{WORD JOINER}", text)


def plural(label: int, start: bool = False) -> str:
    """The name of a class for several of it, as within a sentence or at its start: "shirts", "T-shirts"."""
    name = PLURALS[label]
    return unbroken(name if start or name[1] == "-" else name.lower())


def class_name(label: int) -> str:
    """The name of a class within a sentence, as in "T-shirt/top"."""
    return unbroken(CLASS_NAMES[label])


IMAGES = {"test": "Test image", "validation": "Validation image", "train": "Training image"}


def image_name(split: str, number: int, label: int) -> str:
    """What an image is called, as in "Test image 7,334, a shirt"."""
    name = CLASS_NAMES[label].partition("/")[0]
    name = name if name[1] == "-" else name.lower()
    return f"{IMAGES[split]} {num(number):,}, {'an' if name[0] in 'aeiou' else 'a'} {name}"


class num:
    """A number in a text, as in f"{num(share):.1f} %": it has the decimal sign that this browser prefers.

    With the comma a narrow space stands between thousands: nobody takes 10,000 for ten.
    """

    def __init__(self, value: float | str) -> None:
        self.value = value  # as text where it is written already

    def __format__(self, spec: str) -> str:
        text = format(self.value, spec)
        return text.translate(WITH_COMMA) if preferences.preference("decimal") == "comma" else text


def percent(value: float | None, digits: int = 1) -> str:
    """A share as text, as in "91.9 %", which no line breaks apart."""
    return "–" if value is None else unbroken(f"{num(100 * value):.{digits}f} %")


def percents(low: float, high: float, digits: int = 1) -> str:
    """From one share to another, as in "91.3 to 92.4 %"."""
    return unbroken(f"{num(100 * low):.{digits}f} to {num(100 * high):.{digits}f} %")


def unbroken(text: str) -> str:
    """The text with its numbers beside their units, and a "T-shirt" in one piece, wherever a line ends."""
    text = re.sub(r"(?<=\d) (?=(?:%|ms|s|min|h|points?)(?!\w))", "\N{NO-BREAK SPACE}", text)
    return re.sub(r"\bT-(?=shirt)", "T\N{NON-BREAKING HYPHEN}", text)


def p_value(value: float) -> str:
    """As in "p = 0.023"."""
    return f"{num(say_p(value))}"


def verdict(found: PairedComparison, reference: str, other: str) -> str:
    """What the test of two networks says, in a sentence."""
    return found.sentence(reference, other).replace(f"({say_p(found.p_value)})", f"({p_value(found.p_value)})")


def epochs(count: float) -> str:
    """Of a training, with as many of two decimals as it needs."""
    return f"{num(round(count, 2)):g}"


def is_start(epoch: float) -> bool:
    """Whether so little has been trained that two decimals do not show it."""
    return round(epoch, 2) == 0


def moment(epoch: float) -> str:
    """A point of a training, as in "epoch 0.79"."""
    return "before training" if is_start(epoch) else f"epoch {num(epoch):.2f}"


def within(name: str) -> str:
    """A name as it stands within a sentence: "learning rate", but "AdamW learning rate"."""
    return name[0].lower() + name[1:] if name.partition(" ")[0][1:].islower() else name


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    if seconds < 90:
        return unbroken(f"{seconds:.0f} s")
    return unbroken(f"{seconds / 60:.0f} min" if seconds < 5400 else f"{num(seconds / 3600):.1f} h")


def tell_apart(runs: Iterable[Run]) -> dict[str, str]:
    """Titles by id, with the end of the id where two are the same: Streamlit takes an option by its text."""
    runs = list(runs)
    counts = Counter(run.title for run in runs)
    return {
        run.id: run.title if run.shipped or counts[run.title] == 1 else f"{run.title} ({run.id[-4:]})" for run in runs
    }


def result_text(result: Result) -> str:
    """What a training has reached, each accuracy with its images, as a sentence without its end; empty if unknown."""
    test, validation = result.test_accuracy, result.validation_accuracy
    found = {"test images": test, "validation images": None if validation == test else validation}  # same if it peeks
    parts = [f"{percent(value)} of the {name}" for name, value in found.items() if value is not None]
    return f"{' and '.join(parts)} are right" if parts else ""


def run_texts(runs: Iterable[Run]) -> dict[str, str]:
    """Name, accuracy and state by id, as the pickers of runs show them; no two are the same."""
    runs = list(runs)
    return {run.id: f"{name} · {_state_text(run)}" for run, name in zip(runs, tell_apart(runs).values(), strict=True)}


def _state_text(run: Run) -> str:
    try:
        accuracy = run.status.reached.validation_accuracy
        share = f"validation {percent(accuracy)} · " if accuracy is not None else ""
        return share + ("shipped" if run.shipped else run.status.standing)
    except RunBroken:
        return "broken"
