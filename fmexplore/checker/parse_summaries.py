"""Finds the summaries of networks in a text, and has each read by the reader that its head calls for."""

from collections.abc import Callable, Sequence

from fmexplore.checker.parse_keras import is_keras_head, is_keras_row, read_keras
from fmexplore.checker.parse_modules import opens_module, read_modules
from fmexplore.checker.parse_torch import (
    is_fastai,
    is_lightning_head,
    is_lightning_row,
    is_summary_row,
    read_fastai,
    read_lightning,
    read_torchsummary,
)
from fmexplore.checker.parse_torchinfo import is_info_head, is_info_row, read_info
from fmexplore.checker.parse_words import is_words, read_words
from fmexplore.checker.summaries import Summary, is_rule, plain

_Reader = Callable[[Sequence[str], int, int], Summary | None]
_SEEN = 6  # lines below a head that several libraries share


def find_summaries(lines: Sequence[str]) -> list[Summary]:
    """The summaries of networks in a text, in its order, each with the numbers of its lines.

    A head, or a row that only one library prints, chooses the reader; what no head claims may be a network in words.
    """
    heads = [place for place, line in enumerate(lines) if _is_head(line)] + [len(lines)]
    summaries: list[Summary] = []
    place = at = 0
    while place < len(lines):
        while heads[at] <= place and at + 1 < len(heads):
            at += 1
        reader = _reader(lines, place)
        found = reader(lines, place, heads[at]) if reader else None
        if found:
            summaries.append(found)
        place = max(place, found.lines[-1] if found else 0) + 1
    taken = {line for summary in summaries for line in summary.lines}
    rest = [place for place in range(len(lines)) if place not in taken and lines[place].strip()]
    if any(is_words(lines[place]) for place in rest) and (in_words := read_words(lines, rest)):
        summaries.append(in_words)
    return sorted(summaries, key=lambda summary: min(summary.lines))


def _is_head(line: str) -> bool:
    """Whether a summary begins in that line for sure."""
    return is_info_head(line) or is_keras_head(plain(line)) or is_lightning_head(line)


def _reader(lines: Sequence[str], place: int) -> _Reader | None:
    """Who reads what begins in that line."""
    line = lines[place]
    if is_info_head(line):
        return read_info
    if is_lightning_head(line):
        return read_lightning
    if is_keras_head(plain(line)):
        return _reader_below(lines, place)
    if is_info_row(line):
        return read_info
    if is_summary_row(line):
        return read_torchsummary
    if is_keras_row(line):
        return read_keras
    if is_lightning_row(line):
        return read_lightning
    if opens_module(lines, place):
        return read_modules
    return None


def _reader_below(lines: Sequence[str], head: int) -> _Reader:
    """Several libraries print the head "Layer (type)  Output Shape  Param #": their first rows differ."""
    stop = min(head + _SEEN, len(lines))
    if is_fastai(lines, head, stop):
        return read_fastai
    for place in range(head + 1, stop):
        if is_summary_row(lines[place]):
            return read_torchsummary
        if is_info_row(lines[place]):
            return read_info
        if is_keras_row(lines[place]) or not is_rule(plain(lines[place])):
            return read_keras
    return read_keras
