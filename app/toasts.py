"""Short messages that outlive the run they are made in.

`st.rerun` ends a run, and a toast of that run may never be seen; one that is left here
is shown at the begin of the next.
"""

from __future__ import annotations

import streamlit as st

_KEY = "_toasts"


def after(text: str, icon: str) -> None:
    """Show a message once the page is drawn anew."""
    st.session_state.setdefault(_KEY, []).append((text, icon))


def show() -> None:
    """Show what was left by the run before this one."""
    for text, icon in st.session_state.pop(_KEY, []):
        st.toast(text, icon=icon)
