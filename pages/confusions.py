"""What a network confuses: the matrix, the images in its cells, and each image."""

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.confusions.page import confusions

frame.require()
if widgets.data_gate():
    with messages.boundary():
        confusions()
