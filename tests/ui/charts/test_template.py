"""How static charts look in each theme, and which pages import plotly."""

import subprocess
import sys
import tomllib

import plotly.graph_objects as go
import pytest

from fmexplore.data.fashion_mnist import PROJECT
from fmexplore.ui.charts.template import THEMES, config, template

TOKENS = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())["theme"]
# Streamlit imports plotly itself, where it is installed; what the pages import is seen without that.
PAGES = """
import sys
sys.modules["plotly"] = None
from streamlit.testing.v1 import AppTest
del sys.modules["plotly"]
page = AppTest.from_file("streamlit_app.py", default_timeout=120)
for place in {places}:
    path, _, query = place.partition("?")
    page.query_params.clear()
    for part in filter(None, query.split("&")):
        name, _, page.query_params[name] = part.partition("=")
    page.switch_page(path).run()
    assert not page.exception, page.exception
    print(place, "plotly" in sys.modules, len(page.get("plotly_chart")))
print("loaded", sorted({{"torch", "matplotlib", "captum"}} & set(sys.modules)))
import psutil  # what the app has started ends with it
for child in psutil.Process().children(recursive=True):
    child.kill()
"""


@pytest.mark.parametrize("theme", THEMES)
def test_the_template_has_the_colours_of_the_theme(theme):
    layout = go.layout.Template(template(theme)).layout  # raises ValueError where plotly knows no such thing
    assert layout.font.color == TOKENS[theme]["textColor"]
    assert layout.paper_bgcolor == TOKENS[theme]["backgroundColor"]
    assert layout.xaxis.gridcolor == layout.yaxis.gridcolor == TOKENS[theme]["borderColor"]
    assert list(layout.colorway) == TOKENS[theme]["chartCategoricalColors"]
    assert "Source Sans" in layout.font.family


def test_the_buttons_are_download_and_reset():
    assert config("coverage")["modeBarButtons"] == [["toImage", "resetScale2d"]]
    assert config("coverage")["toImageButtonOptions"]["filename"] == "coverage"


@pytest.mark.real
def test_only_a_page_with_a_static_chart_imports_plotly_and_none_what_the_analyst_needs(real, home):
    pages = ("home.py", "train.py", "confusions.py", "confusions.py?run=quick&view=figures")
    places = [f"pages/{page}" for page in pages]
    code = PAGES.format(places=places)
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    seen = [tuple(line.split()[1:]) for line in done.stdout.splitlines() if line.startswith("pages/")]
    assert seen == [("False", "0"), ("False", "0"), ("False", "0"), ("True", "2")]
    assert "loaded []" in done.stdout
