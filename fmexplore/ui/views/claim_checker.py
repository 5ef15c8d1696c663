"""The claim checker: paste a summary, a report or a matrix, and see what cannot be true."""

import streamlit as st


def claim_checker() -> None:
    st.subheader("Check a claim")
