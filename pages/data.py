"""The data set itself: its classes, and every image in it."""

from fmexplore.ui import frame, widgets
from fmexplore.ui.data.page import data_set

frame.require()
widgets.show_told()
if widgets.data_gate():
    with widgets.boundary():
        data_set()
