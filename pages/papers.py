"""The published systems: what was claimed of them, what came out here, and a checker for any claim."""

from fmexplore.ui import frame, widgets
from fmexplore.ui.papers.page import papers

frame.require()
widgets.show_told()
with widgets.boundary():
    papers()
