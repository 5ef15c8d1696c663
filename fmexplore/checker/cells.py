"""Lines of printed tables as cells: what stands before them, between them and in them. Knows no kind of table."""

import re
from dataclasses import dataclass

MOST_PIECES = 5_000
LONGEST_LINE = 20_000  # characters; a longer one is no row of a table
_MARKUP = re.compile(
    r"\*\*|__|`|\$|\\(?:textbf|textit|mathbf|emph|text)\b|\\(?:h|mid|top|bottom)(?:line|rule)|<[^<>]{0,80}>"
)
_SEPARATORS = re.compile(r"[|│┃┆&;\t]")
NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,'’]\d+)*\.?|[.,]\d+)(?:e[-+]?\d{1,2})?%?", re.I | re.A)
_DECIMAL = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,2})?", re.I | re.A)
NOTHING = ("nan", "-", "--", "none", "n/a", "–", "—")


@dataclass(frozen=True)
class Piece:
    """A line of a text, or a part of a line that was meant to be one."""

    line: int
    text: str


def pieces_of(lines: list[str]) -> list[Piece]:
    """The lines, and the parts of lines that hold line breaks as escapes, as HTML or as LaTeX."""
    found: list[Piece] = []
    for number, line in enumerate(lines):
        broken = ("\\" in line or "<br" in line) and len(found) < MOST_PIECES
        parts = re.split(r"\\n|<br ?/?>|\\\\(?!\s*$)", line, maxsplit=MOST_PIECES) if broken else [line]
        found += [Piece(number, part) for part in parts]
    return found


def plain(text: str) -> str:
    """A line without the marks of Markdown, LaTeX and HTML, and with simple quotes gone."""
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "and") if "&" in text else text
    text = _MARKUP.sub(" ", text).replace("\\%", "%").replace("\\&", "and").replace("{", " ").replace("}", " ")
    return text.replace("\\\\", " ").replace('"', " ").replace("\u00a0", " ").replace("\u202f", " ").rstrip(" \\")


def cells_of(text: str) -> list[str]:
    """The cells of a line with separators between them (bars, ampersands, semicolons, tabs), else an empty list."""
    if not _SEPARATORS.search(text):
        return []
    inner = re.sub(r"^\s*[|│┃]|[|│┃]\s*$", "", text)
    cells = [" ".join(cell.split()) for cell in _SEPARATORS.split(inner)]
    return cells if len(cells) > 2 else []


def tokens_of(text: str, commas: bool) -> list[str]:
    """The words of a line; `commas` separate them."""
    words = re.sub(r"[|│┃┆&;,]" if commas else r"[|│┃┆&;]", " ", text).replace(" %", "%").split()
    return [word.rstrip(",") or word for word in words]


def is_number(token: str) -> bool:
    """Whether a word is a printed number."""
    return NUMBER.fullmatch(token) is not None


def value_of(token: str) -> float:
    """A printed number with a decimal point or comma, or a percent sign; 0 for what is none, such as 1.2.3."""
    plain_number = token.rstrip("%").replace(",", ".")
    return float(plain_number) if _DECIMAL.fullmatch(plain_number) else 0.0


def is_value(token: str) -> bool:
    """Whether a word is a printed number, or stands for a missing one."""
    return is_number(token) or token.lower() in NOTHING


def count_of(token: str) -> float | None:
    """A printed number of images; None where it cannot be told, as 1.234 may have a decimal point or thousands."""
    token = token.rstrip("%").rstrip(".")
    if re.fullmatch(r"\d{1,15}", token, re.A):
        return float(token)
    if re.fullmatch(r"[1-9]\d{0,2}([,'’]\d{3}){1,4}", token, re.A):
        return float(re.sub(r"\D", "", token))
    if re.fullmatch(r"[1-9]\d{0,2}(\.\d{3}){2,4}", token, re.A):
        return float(token.replace(".", ""))
    if re.fullmatch(r"\d{1,15}\.\d{1,30}", token, re.A) and not re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", token, re.A):
        return float(token)
    return None


def is_cut(text: str) -> bool:
    """Whether a line, or one of its cells, was cut with an ellipsis."""
    return "..." in text or "…" in text or "⋮" in text or "\\vdots" in text
