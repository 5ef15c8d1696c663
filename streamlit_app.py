"""The frame of the app: pages, run picker, what all sessions share. Start with `streamlit run streamlit_app.py`."""

import streamlit as st

from fmexplore.ui import cache, frame

st.set_page_config(page_title="fmexplore", page_icon="docs/icon.png", layout="wide")
page = st.navigation(
    {
        "Start": [st.Page("screens/start/home.py", title="Home", default=True)],
        "Train": [st.Page("screens/train/train.py", title="Train")],
    }
)
cache.freeze_collector()
frame.show(page)
page.run()
