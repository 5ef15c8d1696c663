"""Two to six runs side by side: their curves, what differs, and whether the difference is real."""

from fmexplore.ui import widgets
from fmexplore.ui.compare.page import compare

widgets.show_told()
if widgets.data_gate():
    with widgets.boundary():
        compare()
