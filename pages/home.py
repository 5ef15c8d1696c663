"""What fmexplore is, one thing to try at once, and the runs that there are."""

from fmexplore.ui import frame, widgets
from fmexplore.ui.home.page import welcome

frame.require()
widgets.show_told()
with widgets.boundary():
    welcome()
