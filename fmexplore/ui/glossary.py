"""The field's terms that the app uses, each explained in two sentences, and where a text uses them.

Knows no page; `glossary.txt` is the glossary itself.
"""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Term:
    """A term, the words that mean it (its name first), and two sentences about it."""

    words: tuple[str, ...]
    meaning: str

    @property
    def name(self) -> str:
        return self.words[0]


def read_terms(text: str) -> tuple[Term, ...]:
    """The terms of a glossary, in its order: lines as in "epoch, epochs: One sentence. Another one."."""
    lines = [line.partition(": ") for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(Term(tuple(words.split(", ")), meaning) for words, _, meaning in lines)


TERMS = read_terms(Path(__file__).with_suffix(".txt").read_text("utf-8"))


def make_pattern(terms: tuple[Term, ...] = TERMS) -> str:
    """A regular expression, for Python and JavaScript, of whole words that mean a term; the longest wins.

    What begins with a small letter is found with a capital too.
    """
    words = sorted((word for term in terms for word in term.words), key=len, reverse=True)
    spelled = (f"[{word[0]}{word[0].upper()}]{word[1:]}" if word[0].islower() and word[1:] else word for word in words)
    return rf"(?<![\w-])(?:{'|'.join(spelled)})(?![\w-])"


def find_terms(text: str, terms: tuple[Term, ...] = TERMS) -> list[Term]:
    """The terms that a text uses, in the order of their first use."""
    means = {word: term for term in terms for word in term.words}
    found = re.findall(make_pattern(terms), text)
    return list(dict.fromkeys(means.get(word) or means[word[0].lower() + word[1:]] for word in found))
