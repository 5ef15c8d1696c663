"""Text files as people have them: decoded whatever program saved them, and tables with any usual separator, as CSV.

Knows what editors, spreadsheets and shells write; nothing of what a file is about.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable

from fmexplore.errors import ConfigError

BYTE_ORDER_MARK = "\ufeff"  # without it, spreadsheets take UTF-8 for the system's old encoding
SEPARATORS = ",;\t"  # that of a spreadsheet depends on its language
# Longer marks first: UTF-32 begins as UTF-16 does.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # in no text; \x1b colours a terminal's
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would compute


def decode_text(content: bytes, name: str) -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32, or in Windows' code page 1252 where it is none of these.

    Raises ConfigError, naming the file, where it is no text.
    """
    marked = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), None)
    try:
        return content.decode(marked or _unmarked(content))
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("cp1252") if marked is None else "\0"
    except UnicodeDecodeError:
        text = "\0"
    if _BINARY.search(text):
        raise ConfigError(f"{name} is not text: give a text file, in UTF-8 if you can choose.")
    return text


def _unmarked(content: bytes) -> str:
    """UTF-16 without a mark has zeros in every other place, as long as it is mostly Latin."""
    half = max(len(content) // 2, 1)
    for encoding, zeros in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
        if len(content) % 2 == 0 and zeros.count(0) > 0.7 * half:
            return encoding
    return "utf-8"


def read_table(text: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """A table with a line for its head, separated by commas, semicolons or tabs.

    >>> read_table("file; label\\nhat.jpg; 3")
    (['file', 'label'], [(2, {'file': 'hat.jpg', 'label': '3'})])

    Returns:
        The names of its columns in small letters, and each row with the number of its last line; cells that a row
        lacks are empty, blanks around a cell are dropped.

    Raises:
        csv.Error: a cell is too long.
    """
    lines = list(io.StringIO(text.lstrip(BYTE_ORDER_MARK), newline=""))
    told = re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r\n")) if lines else None  # a line for Excel alone
    skipped = 1 if told else 0
    head = lines[skipped] if len(lines) > skipped else ""
    separator = told[1] if told else max(SEPARATORS, key=head.count)
    reader = csv.reader(lines[skipped:], delimiter=separator, skipinitialspace=True)
    names = [name.strip().lower() for name in next(reader, [])]
    rows = []
    for cells in reader:
        if any(cell.strip() for cell in cells):
            filled = [cell.strip() for cell in cells] + [""] * (len(names) - len(cells))
            rows.append((reader.line_num + skipped, dict(zip(names, filled, strict=False))))
    return names, rows


def csv_text(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV that spreadsheets open with its letters right, and in which no text is taken for a formula."""
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    csv.writer(text, lineterminator="\n").writerows(_safe(row) for row in (header, *rows))
    return text.getvalue()


def _safe(row: Iterable[object]) -> list[object]:
    return [f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell for cell in row]


def _is_formula(cell: str) -> bool:
    return cell.startswith(_FORMULA) and not re.fullmatch(r"-\d+(\.\d+)?(e[+-]?\d+)?", cell)
