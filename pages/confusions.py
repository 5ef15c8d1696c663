"""What a network confuses: the matrix, the images in its cells, and each image."""

from fmexplore.ui import frame, widgets
from fmexplore.ui.confusions.page import confusions

frame.require()
widgets.show_told()
if widgets.data_gate():
    with widgets.boundary():
        confusions()
