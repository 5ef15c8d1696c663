"""Reads confusion matrices that are tables: lines that end in as many numbers as there are lines, and their names."""

import re
from collections.abc import Iterator
from dataclasses import replace

from fmexplore.checker.cells import LONGEST_LINE, cells_of, count_of, is_number, plain, tokens_of
from fmexplore.checker.matrix_cells import MAX_CLASSES, matrix_of
from fmexplore.checker.scores import Axis, Matrix

Line = tuple[int, list[str], list[str]]  # its place in the text, the words of its name, its numbers
LONGEST_NAME = 6  # words; more are a sentence that ends in numbers
MARGINS = ("all", "total", "sum", "totals", "support", "row total", "column total", "margin", "col total", "sums")
SAID = re.compile(r"confusion|\bcm\b|classified as", re.I)
_PREDICTED = re.compile(r"\bpred(?:ict(?:ed|ions?))?\b|pred_|predicted_", re.I)
_TRUE = re.compile(r"\b(?:actual|true|truth|reference|observed|gold|ground)\b|(?:actual|true)_", re.I)
_AXES = re.compile(
    r"\b(?:predicted|predictions?|pred|actuals?|true|truth|reference|observed|gold|ground|labels?|class(?:es)?|values?)\b:?",
    re.I,
)
_PREFIX = re.compile(r"^\s*(?:#+|>+|;+|//|\*)(?=\s|$)")  # of comments and quotes
_RULE = re.compile(r"(?=.*\|)[\s\-=+|:_─━│┃┼┤├]+|\s*[-=+─━]{3,}[-=+─━\s]*")


def find_tables(lines: list[str]) -> Iterator[Matrix]:
    """The confusion matrices that are lines with as many numbers as there are lines, with the names beside them."""
    run: list[Line] = []
    heads: list[tuple[int, str]] = []  # lines above the run
    for place, line in enumerate([*lines, ""]):
        text = _PREFIX.sub(" ", plain(line)) if len(line) <= LONGEST_LINE else ""
        if _RULE.fullmatch(text):
            continue
        name, numbers = _split(text)
        if len(numbers) > 1 and len(name) <= LONGEST_NAME:
            run.append((place, name, numbers))
            continue
        if run and not text.strip() and place < len(lines) - 1 and len(run) == 1:
            continue  # an empty line below a head of class numbers
        if run:
            yield from _matrices_of(run, heads)
            run, heads = [], []
        if text.strip():
            heads = [*heads[-2:], (place, text)]
    if run:
        yield from _matrices_of(run, heads)


def _split(text: str) -> tuple[list[str], list[str]]:
    """The words at the beginning of a line and the numbers that end it; Weka and some tables have the name last."""
    cells = cells_of(text)
    commas = not cells and text.count(",") > 0 and not _has_thousands(text)
    words = [word for cell in cells for word in cell.replace(" %", "%").split()] if cells else tokens_of(text, commas)
    if len(words) > MAX_CLASSES + LONGEST_NAME + 2:
        return words[:LONGEST_NAME], []
    place = len(words)
    while place and is_number(words[place - 1]):
        place -= 1
    name, numbers = words[:place], words[place:]
    if name and not numbers and is_number(name[0]):  # 50 2 | a = setosa
        last = next(place for place, word in enumerate([*name, "."]) if not is_number(word))
        return name[last:], name[:last]
    return name, numbers


def _has_thousands(text: str) -> bool:
    """Whether every comma stands between thousands, in a line that spaces divide."""
    return len(text.split()) > 1 and len(re.findall(r"\d,\d{3}(?!\d)", text)) == text.count(",")


def _matrices_of(run: list[Line], heads: list[tuple[int, str]]) -> Iterator[Matrix]:
    """What square tables the lines make: with the names above them, else by how many numbers they have."""
    if len(run) > MAX_CLASSES + 3:
        return
    for head, rows in _heads(run, heads):
        matrix = _with_head(head, rows, heads)
        if matrix:
            used = [place for place, _ in heads if place >= run[0][0] - 4 and _is_head(_, matrix)]
            yield replace(matrix, lines=tuple(sorted({*used, *(place for place, *_ in run)})))
            return
    start = 0
    for place in range(1, len(run) + 1):
        if place == len(run) or len(run[place][2]) != len(run[start][2]):
            matrix = _without_head(run[start:place])
            if matrix:
                yield matrix
            start = place


def _is_head(text: str, matrix: Matrix) -> bool:
    return bool(_AXES.search(text) or SAID.search(text) or any(name in text for name in matrix.names[:2]))


def _heads(run: list[Line], heads: list[tuple[int, str]]) -> Iterator[tuple[list[str], list[Line]]]:
    """Possible names of columns: of the lines above the rows, or the first row, where that holds class numbers."""
    first = [*run[0][1], *run[0][2]]
    if len(run) > 2:
        yield first, run[1:]
    for _, text in reversed(heads):
        if len(text) <= LONGEST_LINE:
            cells = [cell for cell in cells_of(text) or text.split(",") if cell.strip()]
            if len(cells) > 1:
                yield [cell.strip() for cell in cells], run
            yield text.replace("|", " ").replace("&", " ").replace(",", " ").split(), run


def _with_head(head: list[str], rows: list[Line], heads: list[tuple[int, str]]) -> Matrix | None:
    """A matrix whose columns have the names of its rows, or as many names as it has rows."""
    text = " ".join(head)
    classified = re.search(r"<?-*\s*classified as", text, re.I)
    if classified:
        head = text[: classified.start()].replace("|", " ").split()
    for skipped in range(min(4, len(head))):
        names = head[skipped:]
        if skipped and not (
            _AXES.fullmatch(head[skipped - 1]) or re.search(r"[\\/]|^(n|class|label)\b|\d=", head[skipped - 1], re.I)
        ):
            break
        margin = names[-1].strip(":").lower() in MARGINS if names else False
        width = len(names)
        if width < 2 or any(len(numbers) < width for _, _, numbers in rows):
            continue
        labels = [" ".join([*name, *numbers[: len(numbers) - width]]).strip(" :'") for _, name, numbers in rows]
        cells = [numbers[len(numbers) - width :] for _, _, numbers in rows]
        plain_names = [name.strip(" :'") for name in names]
        foot = labels[-1].lower() in MARGINS or (margin and not labels[-1])
        size = width - margin
        if len(rows) != size + foot or size < 2:
            continue
        own = [_bare(label) for label in labels[:size]]
        same = own == [_bare(name) for name in plain_names[:size]]
        weka = classified and [label.partition("=")[0].strip("| ").strip() for label in own] == plain_names[:size]
        numbered = all(re.fullmatch(r"\d+(\.0)?", name) for name in plain_names[:size])
        mixed = not numbered and any(is_number(name) for name in plain_names[:size])
        if not same and not weka and ((numbered and any(own)) or mixed):
            continue
        matrix = matrix_of([row[:size] for row in cells[:size]], [place for place, _, _ in rows[:size]])
        if matrix is None:
            return None
        if classified:
            labels = [label.partition("=")[2].strip() or label.strip("| ") for label in labels]
        axis: Axis | None = "true" if classified else _axis(head[:skipped], labels[:size], plain_names[:size], heads)
        sums = tuple(count_of(row[-1]) for row in cells) if margin else ()
        below = tuple(count_of(token) for token in cells[-1][:size]) if foot else ()
        known = None not in sums and None not in below and matrix.decimals is None
        return replace(
            matrix,
            names=tuple(own if same else labels[:size]) if all(labels[:size]) else tuple(plain_names[:size]),
            axis=axis,
            row_sums=tuple(each or 0.0 for each in sums[:size]) if known else (),
            column_sums=tuple(each or 0.0 for each in below) if known else (),
            total=(sums[size] if len(sums) > size else None) if known else None,
            sure=bool(same or weka or axis or classified),
        )
    return None


def _bare(name: str) -> str:
    """A name without the words that say what an axis is: `a` of "Actual a" and of "pred_a"."""
    bare = re.sub(r"^(?:actual|true|predicted|pred|real|class)[\s_:-]+(?=\S)", "", name.strip(" :'"), flags=re.I)
    return re.sub(r"^(\d+)\.0$", r"\1", bare)


def _axis(corner: list[str], labels: list[str], names: list[str], heads: list[tuple[int, str]]) -> Axis | None:
    """What the rows are, by the corner of the table, by the names themselves, or by a line with the name of an axis."""
    rows = _of_words(" ".join(labels)) if all(_of_words(label) for label in labels) else None
    columns = _of_words(" ".join(names)) if all(_of_words(name) for name in names) else None
    if rows or columns:
        return rows or _other(columns)
    said = " ".join(corner)
    if re.search(r"[\\/]", said):
        left, _, right = said.replace("\\", "/").partition("/")
        return _of_words(left) or _other(_of_words(right))
    place = next((number for number, (_, text) in enumerate(heads) if all(name in text for name in names)), None)
    above = _of_words(heads[place - 1][1]) if place else None
    below = _of_words(heads[place + 1][1]) if place is not None and place + 1 < len(heads) else None
    own = _of_words(said)
    if below:  # pandas: the name of the columns in the head, that of the rows below it
        return below if own in (None, _other(below)) else None
    if above and above != own:  # R: the name of the columns above the head, that of the rows in it or nowhere
        return _other(above)
    return None


def _of_words(text: str) -> Axis | None:
    predicted, true = bool(_PREDICTED.search(text)), bool(_TRUE.search(text))
    return None if predicted == true else "predicted" if predicted else "true"


def _other(axis: Axis | None) -> Axis | None:
    return None if axis is None else "true" if axis == "predicted" else "predicted"


def _without_head(rows: list[Line]) -> Matrix | None:
    """A square of numbers, with a name before each row or none, or with class numbers in the first column."""
    numbers = [each for _, _, each in rows]
    width = len(numbers[0])
    counting = [[str(n) for n in range(first, first + width - 1)] for first in (0, 1)]
    if len(rows) == width - 1 and [row[0] for row in numbers] in counting:
        numbers = [row[1:] for row in numbers]
    elif len(rows) != width:
        return None
    names = [" ".join(name).strip(" :'") for _, name, _ in rows]
    if len(rows) < 2 or (any(names) and not all(names)):
        return None
    matrix = matrix_of(numbers, [place for place, _, _ in rows])
    lines = tuple(place for place, _, _ in rows)
    return replace(matrix, names=tuple(names) if all(names) else (), sure=False, lines=lines) if matrix else None
