"""What this browser prefers, all keys, and what this program is."""

from fmexplore.ui import frame, messages
from fmexplore.ui.settings.page import settings

frame.require()
with messages.boundary():
    settings()
