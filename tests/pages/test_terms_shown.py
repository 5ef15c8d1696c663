"""That every page brings the glossary, and that the settings of a map are in it."""

import pytest

from fmexplore.ui import session
from fmexplore.ui.glossary import TERMS, find_terms

PAGES = [path for name, path in vars(session).items() if name.endswith("_PAGE")]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_ends_with_the_glossary(app, path):
    last = list(app().open(path).at.main)[-1]
    assert last.proto.component_name == "fmexplore_terms"
    assert last.proto.html_content.count("<dt>") == len(TERMS)


@pytest.mark.parametrize(("method", "known"), [("tsne", "Perplexity"), ("umap", "Neighbours")])
def test_every_setting_of_a_map_is_explained(app, method, known):
    everyday = {"Sample"}
    labels = {each.label for each in app().open(session.EMBEDDINGS_PAGE, method=method).at.number_input} - everyday
    assert known in labels
    assert [label for label in labels if not find_terms(label)] == []
