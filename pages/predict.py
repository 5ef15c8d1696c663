"""Photos of one's own clothes: converted step by step, recognised, explained."""

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.predict.page import predict

frame.require()
if widgets.data_gate():
    with messages.boundary():
        predict()
