"""Two to six runs side by side: their curves, what differs, and whether the difference is real."""

from fmexplore.ui import frame, widgets
from fmexplore.ui.compare.page import compare

frame.require()
widgets.show_told()
if widgets.data_gate():
    with widgets.boundary():
        compare()
