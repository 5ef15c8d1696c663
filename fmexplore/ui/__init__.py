"""The Streamlit app: the only package that knows Streamlit."""
