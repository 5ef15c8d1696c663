"""Photos of one's own clothes: converted step by step, recognised, explained."""

from fmexplore.ui import frame, widgets
from fmexplore.ui.predict.page import predict

frame.require()
widgets.show_told()
if widgets.data_gate():
    with widgets.boundary():
        predict()
