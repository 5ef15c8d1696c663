"""What a network makes of its images: the way of one image through it, and what upsets it."""

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.inside.page import inside

frame.require()
if widgets.data_gate():
    with messages.boundary():
        inside()
