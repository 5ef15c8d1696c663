"""All keys that pages know, in one list, by the component that listens to them."""

import streamlit as st

# By the folder of the component: where it is, and its keys with what they do.
KEYS: dict[str, tuple[str, dict[str, str]]] = {
    "": (
        "Everywhere",
        {
            "`Tab`, `Shift + Tab`": "the next, the previous thing that can be pressed",
            "`Enter`, `Space`": "press it",
            "`Ctrl + Alt + Z` (`⌘ + Alt + Z` on a Mac)": "bring back what was just deleted",
            "`Alt + ←`, `Alt + →` (`⌘ + [`, `⌘ + ]` on a Mac)": "back to what you looked at before, and forward again",
        },
    ),
    "confusion_grid": (
        "Confusion matrix",
        {
            "`←` `→` `↑` `↓`": "go to another cell, or to the name of a class",
            "`Enter`, `Space`": "show the images of the cell, row or column",
            "`Ctrl`, `Shift` or `⌘` with a click": "mark one cell more, or take its mark away, as with *Mark several "
            "cells*",
            "`←` `→` on the slider": "another moment of the training",
        },
    ),
    "layer_strip": ("Layers of a network", {"`←` `→`": "go to another layer", "`Enter`, `Space`": "look into it"}),
    "value_map": (
        "Map of a layer",
        {"`←` `→` `↑` `↓`": "go to another value", "`Enter`, `Space`": "show the sum behind it"},
    ),
    "heat_map": ("Where a network looks", {"`←` `→` `↑` `↓`": "read the value of another pixel"}),
    "term_table": (
        "Sum behind a value",
        {"`↑` `↓`": "go to another term", "`Enter`, `Space`": "show where it comes from"},
    ),
    "change_grid": (
        "Heat map of changes",
        {"`←` `→` `↑` `↓`": "go to another change or severity", "`Enter`, `Space`": "show the images that it costs"},
    ),
    "gallery": ("Images in a list", {"`←` `→` `↑` `↓`": "go to another image", "`Enter`, `Space`": "open it"}),
    "card": ("An opened image", {"`←` `→`": "the previous, the next image of the list", "`Esc`": "back to the list"}),
    "scatter": (
        "Map",
        {
            "`←` `→` `↑` `↓`": "move the map",
            "`+`, `-`": "nearer and farther",
            "`0`": "show the whole map",
            "`Shift` while drawing": "move the map in place of drawing a lasso",
            "`Esc`": "forget the selection",
            "`Shift` or `Alt` with a click on a class": "show that class alone",
        },
    ),
    "photo_editor": (
        "Correcting a photo",
        {
            "`←` `→` `↑` `↓`": "move the brush, or the corner of the box",
            "`Space`": "paint, or set a corner",
            "`Enter`": "end the stroke, or the box",
            "`Esc`": "give up the stroke, or the box",
        },
    ),
    "dumbbell": (
        "Papers: claimed and measured",
        {"`↑` `↓`": "go to another system", "`Enter`, `Space`": "open its card"},
    ),
    "terms": ("Words with a dotted underline", {"`Esc`": "close the explanation"}),
}


def keyboard() -> None:
    """The list."""
    st.subheader("Everything that can be clicked can be reached with the keyboard", anchor=False)
    lines = ["| where | keys | what they do |", "|---|---|---|"]
    for where, keys in KEYS.values():
        for number, (names, what) in enumerate(keys.items()):
            lines.append(f"| {where if number == 0 else ''} | {names} | {what} |")
    st.markdown("\n".join(lines))
