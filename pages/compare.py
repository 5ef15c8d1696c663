"""Two to six runs side by side: their curves, what differs, and whether the difference is significant."""

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.compare.page import compare

frame.require()
if widgets.data_gate():
    with messages.boundary():
        compare()
