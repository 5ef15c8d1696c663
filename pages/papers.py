"""The published systems: what was claimed of them, what came out here, and a checker for any claim."""

from fmexplore.ui import frame, messages
from fmexplore.ui.papers.page import papers

frame.require()
with messages.boundary():
    papers()
