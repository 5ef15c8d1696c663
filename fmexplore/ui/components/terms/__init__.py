"""The field's terms on a page: dotted where they are first used, with their two sentences, and listed at its end."""

from html import escape

from fmexplore.ui.components import register
from fmexplore.ui.glossary import TERMS, make_pattern


def _html() -> str:
    """The whole glossary lies in a template: as part of what never changes, a browser is sent it once."""
    terms = "".join(
        f"<div data-words='{escape('|'.join(term.words))}'><dt>{escape(term.name)}</dt>"
        f"<dd>{escape(term.meaning)}</dd></div>"
        for term in sorted(TERMS, key=lambda term: term.name.lower())
    )
    return (
        "<details hidden><summary></summary><dl></dl></details><div class='meaning' popover='manual'></div>"
        f"<template data-pattern='{escape(make_pattern())}'>{terms}</template>"
    )


_component = register("terms", _html())


def explain_terms() -> None:
    """Explain the terms of this page; call once, below all that it shows."""
    _component(key="terms_component")
