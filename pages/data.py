"""The data set itself: its classes, and every image in it."""

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.data.page import data_set

frame.require()
if widgets.data_gate():
    with messages.boundary():
        data_set()
