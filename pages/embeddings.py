"""The data set as a network sees it: a map of images by pixels or by the features of a layer."""

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.embeddings.page import embeddings

frame.require()
if widgets.data_gate():
    with messages.boundary():
        embeddings()
