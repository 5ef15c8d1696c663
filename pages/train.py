"""Configure, start, watch, pause, stop and resume one training."""

import streamlit as st

from fmexplore.ui import frame, messages, widgets
from fmexplore.ui.train.form import training_form
from fmexplore.ui.train.live import live_run, run_details

frame.require()
if widgets.data_gate():
    with st.container(key="figure_first"):
        left, right = st.columns([32, 68], gap="large")
    with left, st.container(key="training_form"), messages.boundary():
        training_form()
    run = None
    with right, messages.boundary():
        run = live_run()
    run_details(run)
