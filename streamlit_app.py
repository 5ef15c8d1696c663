"""The frame of the app: pages, run picker, what all sessions share. Start with `streamlit run streamlit_app.py`."""

import sys

import streamlit as st

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    st.error(f"fmexplore needs Python 3.11, 3.12 or 3.13, and this is {sys.version.split()[0]}.")
    st.stop()

from fmexplore.ui import frame, server_memory, session
from fmexplore.ui.components.terms import explain_terms

frame.require(framed=True)
st.set_page_config(page_icon=frame.ICON, layout="wide")
page = st.navigation(
    {
        "": [
            st.Page(session.HOME_PAGE, title="Home", default=True),
            st.Page(session.TRAIN_PAGE, title="Train"),
            st.Page(session.CONFUSIONS_PAGE, title="Confusions"),
            st.Page(session.EMBEDDINGS_PAGE, title="Embeddings"),
            st.Page(session.INSIDE_PAGE, title="Inside"),
            st.Page(session.DATA_PAGE, title="Data"),
            st.Page(session.PREDICT_PAGE, title="Predict"),
        ],
        "Compare": [
            st.Page(session.COMPARE_PAGE, title="Compare runs"),
            st.Page(session.PAPERS_PAGE, title="Papers"),
        ],
        "This app": [st.Page(session.SETTINGS_PAGE, title="Settings")],
    }
)
server_memory.configure_malloc()
server_memory.freeze_collector()
show_progress = frame.show(page)
page.run()
explain_terms()
frame.close(show_progress)
