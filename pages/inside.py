"""What a network makes of its images: for now, what upsets it."""

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.robustness.page import robustness

frame.require()
if widgets.data_gate():
    with messages.boundary():
        robustness()
