"""How static charts look: one plotly template for each theme, made of the app's own colours and font, and the one way
to draw them. It knows no figure and no data."""

from typing import TYPE_CHECKING

import streamlit as st

from fmexplore.ui import preferences

if TYPE_CHECKING:
    import plotly.graph_objects as go

THEMES = ("light", "dark")
FONT = '"Source Sans", sans-serif'  # what Streamlit serves where the configuration names no font
CLEAR = "rgba(0, 0, 0, 0)"
BUTTONS = ("toImage", "resetScale2d")
SEPARATORS = {"point": ".,", "comma": ",\N{NARROW NO-BREAK SPACE}"}  # of decimals and of thousands


def draw(figure: "go.Figure", *, key: str, height: int, alt: str) -> None:
    """Draw a figure in the viewer's theme.

    Args:
        figure: gets the template of the theme.
        key: also the name of the downloaded picture.
        height: pixels.
        alt: what those hear who do not see it.
    """
    figure.layout.template = template(st.context.theme.type or THEMES[0])
    # A finger that moves over the figure scrolls the page; on a phone there is no other way past it.
    figure.layout.dragmode = False if "Mobi" in (st.context.headers.get("User-Agent") or "") else "zoom"
    st.plotly_chart(figure, theme=None, key=key, height=height, alt=alt, config=config(key))


def config(name: str) -> dict:
    """Settings of plotly's script: of its buttons only *Download* and *Reset*; `name` is that of the picture."""
    return {
        "displaylogo": False,
        "modeBarButtons": [list(BUTTONS)],
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
        "showTips": False,
    }


def template(theme: str) -> dict:
    """Plotly's template for "light" or "dark", from the theme's options in .streamlit/config.toml."""
    text, ground, raised, border = (
        st.get_option(f"theme.{theme}.{name}Color") for name in ("text", "background", "secondaryBackground", "border")
    )
    scale = preferences.scale()
    font = {"family": st.get_option("theme.font") or FONT, "size": 13 * scale, "color": text}
    axis = {
        **{
            "gridcolor": border,
            "linecolor": border,
            "zeroline": False,
            "ticks": "",
            "automargin": True,
            "ticklabelstandoff": 4,
        },
        **{"tickfont": {"size": 12 * scale}, "title": {"standoff": 8, "font": {"size": 13 * scale}}},
    }
    return {
        "data": {"bar": [{"error_x": {"color": text}, "error_y": {"color": text}}]},
        "layout": {
            "font": font,
            "separators": SEPARATORS[preferences.preference("decimal")],
            # Not transparent: a downloaded picture of light text would be lost on white paper.
            "paper_bgcolor": ground,
            "plot_bgcolor": CLEAR,
            "colorway": st.get_option(f"theme.{theme}.chartCategoricalColors"),
            "margin": {"l": 8, "r": 16, "t": 30, "b": 8},
            "xaxis": axis,
            "yaxis": axis,
            "bargap": 0.08,
            "bargroupgap": 0,
            "hovermode": "closest",
            "hoverlabel": {"bgcolor": raised, "bordercolor": border, "font": font, "align": "left", "namelength": -1},
            "legend": {
                **{"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "bgcolor": CLEAR},
                **{"font": {"size": 12 * scale}, "itemwidth": 30},
            },
            "modebar": {"bgcolor": CLEAR, "color": text, "activecolor": text, "orientation": "h"},
            "annotationdefaults": {"font": {"size": 12 * scale, "color": text}, "showarrow": False},
        },
    }
