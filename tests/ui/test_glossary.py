"""The glossary: that it is well made, that the app says all of its terms, and that it knows those of the settings."""

import ast
import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

import fmexplore
from fmexplore.models import layers
from fmexplore.papers import reported, verdicts
from fmexplore.ui.confusions import metrics
from fmexplore.ui.embeddings import settings
from fmexplore.ui.glossary import TERMS, find_terms, make_pattern, read_terms
from fmexplore.ui.train import fields as train_fields

LIBRARY = Path(fmexplore.__file__).parent
# Modules outside the screen whose texts pages show.
TOLD = (
    *(
        "papers/claims",
        "papers/insights",
        "papers/reported",
        "papers/verdicts",
        "papers/promises",
        "training/differences",
    ),
    *("evaluation/significance", "checker/results", "checker/layer_readings", "checker/weights", "models/layers"),
    *("training/published", "training/presets", "photos/conversion"),
)
# What a layer's setting is called where the layer's own name says what it means.
EVERYDAY = {"size", "rate", "factor", "repeat", "function"}


def names(text: str) -> list[str]:
    return [term.name for term in find_terms(text)]


def words_of(path: Path) -> set[str]:
    """Texts in a module that are meant for people: with a space or a capital, and no docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = {ast.unparse(node)[2:-1] for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    texts |= {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent
    }
    return {text for text in texts if " " in text.strip() or text[:1].isupper()}


def layer_words() -> set[str]:
    """Kinds of layer, their settings, and what can be chosen there, as the layer table shows them."""
    found = set()
    for kind, layer in layers.LAYER_KINDS.items():
        fields = set(layer.model_fields) - {"kind", "layers", "shortcut", "paths"}
        found |= {name.replace("_", " ") for name in (kind, *fields)}
    return found


def test_every_term_is_explained_in_two_short_sentences():
    for term in TERMS:
        assert len(re.findall(r"\.(?= [A-Z0-9]|$)", term.meaning)) == 2, term
        assert term.meaning[-1] == ".", term
        assert term.meaning[0] == term.meaning[0].upper(), term
        assert len(term.meaning) <= 240, term
        assert not re.search(r"[!?;]", term.meaning), term


def test_no_word_means_two_terms():
    words = Counter(word.lower() for term in TERMS for word in {each.lower() for each in term.words})
    assert [word for word, count in words.items() if count > 1] == []


def test_words_are_such_that_both_languages_read_the_pattern_alike():
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 -]*", word) for term in TERMS for word in term.words)


def test_the_app_says_every_term():
    paths = [path for path in (LIBRARY / "ui").rglob("*.py") if path.parent.name != "terms"]
    texts = set().union(*map(words_of, [*paths, *(LIBRARY / f"{name}.py" for name in TOLD)]))
    values = {*settings.METHODS.values(), *train_fields.LABELS, *get_args(verdicts.Verdict)}
    said = set(names("\n".join(texts | values | layer_words())))
    assert {term.name for term in TERMS} - said == set()


@pytest.mark.parametrize(
    "field",
    [field for group in (train_fields.MAIN, *train_fields.GROUPS.values()) for field in group],
    ids=lambda field: field.path,
)
def test_every_setting_of_a_training_is_explained(field):
    assert names(field.label)


@pytest.mark.parametrize("word", sorted(layer_words() - EVERYDAY))
def test_every_kind_of_layer_and_every_setting_of_one_is_explained(word):
    assert word in {each for term in find_terms(word) for each in term.words}


@pytest.mark.parametrize(
    "word", [*get_args(verdicts.Verdict), *reported.MEASURES.values(), *metrics.HELP, *settings.METHODS.values()]
)
def test_every_verdict_measure_and_method_is_explained(word):
    assert names(word)


def test_of_two_words_the_longer_one_counts_and_only_whole_words_do():
    assert names("A batch size, and weight decay (L2)") == ["batch size", "weight decay"]
    assert names("lossless, re-weights, epochal, Adamant, step_p") == []


def test_a_small_word_is_found_with_a_capital_and_a_name_only_as_it_is_written():
    assert names("Epochs with Adam") == ["epochs", "Adam"]
    assert names("EPOCHS with adam") == []


def test_a_term_is_found_once_by_each_of_its_words():
    terms = read_terms("# Comment\n\nnear, nearest: One. Two.\nfar: Far: off. Three.\n")
    assert [(term.words, term.meaning) for term in terms] == [
        (("near", "nearest"), "One. Two."),
        (("far",), "Far: off. Three."),
    ]
    assert find_terms("Nearest is near, and far", terms) == list(terms)
    assert make_pattern(terms[1:]) == r"(?<![\w-])(?:[fF]ar)(?![\w-])"
