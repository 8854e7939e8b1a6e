"""The Streamlit shell: navigation, shared choice, cached reads, charts."""
