"""Configure, start, watch, pause, stop and resume one training."""

import streamlit as st

from fmexplore.ui import frame, widgets
from fmexplore.ui.views.live_run import live_run, run_details
from fmexplore.ui.views.training_form import training_form

frame.require()
widgets.show_told()
if widgets.data_gate():
    with st.container(key="figure_first"):
        left, right = st.columns([32, 68], gap="large")
    with left, widgets.boundary():
        training_form()
    run = None
    with right, widgets.boundary():
        run = live_run()
    run_details(run)
