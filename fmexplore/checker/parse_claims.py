"""Reads the scores that a text states in words, such as "Test accuracy: 91.68 %". Knows not what they are about."""

import re

from fmexplore.checker.cells import plain
from fmexplore.checker.results import Printed, read_accuracy
from fmexplore.checker.scores import Claim
from fmexplore.errors import ConfigError

LONGEST_LINE = 2_000
MOST = 40
_CLAIM = re.compile(
    r"(?<![\w-])(?:(?P<accuracy>accuracy(?:[ _]score)?|acc)|(?P<kappa>kappa(?: statistic)?)"
    r"|(?P<precision>precision(?:[ _]score)?)"
    r"|(?P<recall>recall(?:[ _]score)?)|(?P<f1>f1(?:[-_ ]?score)?))(?: on (?:the )?test (?:set|data|images))?"
    r"\s{0,30}(?:of|is|was|=|:)?\s{0,30}(?P<value>\d{1,3}(?:[.,]\d{1,30})?)(?![\d.,]*\d)\s?(?P<percent>%?)"
    r"(?!\s{0,3}\(?\s?(?:±|\+/-|\+-|/|e[-+]?\d|std|s\.?d\b|cv\b|mean|train|val))",
    re.I | re.A,
)
_WEKA = re.compile(r"^\W*Correctly Classified Instances\s+\d+\s+(?P<value>\d{1,3}(?:\.\d+)?)\s*%")
# What may stand before it in its line; any other word says that it is about something else.
_BEFORE = re.compile(
    r"(?:.*\b)?(?:test|testing|claimed|overall|total|final|model|models|the|an|a|set|data|achieved|classification|its|with|score)"
    r"[\s_\-:'s]*",
    re.I,
)
_OTHER = re.compile(
    r"train|valid|\bval\b|balanced|\btop\b|mean|cross|\bcv\b|fold|best|baseline|loss|epoch|random|null", re.I
)
_MENTION = re.compile(r"\bacc(?:uracy)?\b[^\d\n]{0,30}(\d+[.,]?\d*)", re.I | re.A)
_ANY = re.compile(r"acc|kappa|precis|recall|f1|Instances", re.I)


def count_accuracies(lines: list[str]) -> int:
    """How many different accuracies a text mentions, whatever they are of; logs of a training are not counted."""
    found = (_MENTION.finditer(line) for line in lines if len(line) <= LONGEST_LINE and "loss" not in line)
    return len({mention[1] for mentions in found for mention in mentions})


def find_claims(lines: list[str]) -> list[Claim]:
    """The scores that the lines state, in their order; lines of tables are empty."""
    found: list[Claim] = []
    for place, line in enumerate(lines):
        if len(line) > LONGEST_LINE or len(found) >= MOST or not _ANY.search(line):
            continue
        text = plain(line)
        if weka := _WEKA.match(text):
            found += _claims("accuracy", f"{weka['value']} %", place)
            continue
        end = 0
        for claim in _CLAIM.finditer(text):
            before = re.sub(r"^[\W\d_]+|[^\w]+$", "", text[end : claim.start()])
            end = claim.end()
            if _OTHER.search(before) or (before and not _BEFORE.fullmatch(before)):
                continue
            score = next(key for key in ("accuracy", "kappa", "precision", "recall", "f1") if claim[key])
            found += _claims(score, f"{claim['value']} %" if claim["percent"] else claim["value"], place)
    return found


def _claims(score: str, value: str, line: int) -> list[Claim]:
    try:
        printed: Printed = read_accuracy(value)
    except ConfigError:
        return []
    return [Claim(score, printed, line)]
