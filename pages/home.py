"""What fmexplore is, one thing to try at once, and the runs that there are."""

from fmexplore.ui import frame, messages
from fmexplore.ui.home.page import welcome

frame.require()
with messages.boundary():
    welcome()
