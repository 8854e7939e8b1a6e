"""Errors on screen: what a user can mend is told, a bug of ours goes to the log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app import data, vocabulary
from edp_core.errors import EdpError, MissingArtifactError

log = logging.getLogger("edp_studio")


@contextmanager
def shown() -> Iterator[None]:
    """Show errors raised inside as message and next step.

    Streamlit's own control flow (rerun, stop) passes, as it is not an `Exception`.
    """
    try:
        yield
    except EdpError as error:
        tell(error)
    except Exception:  # a bug of ours, kept whole in the log
        reference = secrets.token_hex(4)
        log.exception("unexpected error %s", reference)
        st.error(
            "Something went wrong in the studio itself. Nothing you made is lost.",
            icon=":material/bug_report:",
        )
        st.caption(f"Reference {reference}; the server's log holds the details.")


def tell(error: EdpError) -> None:
    """Show an error that a user can mend: message and next step."""
    if not isinstance(error, MissingArtifactError):
        st.error(vocabulary.harmless(error.message), icon=":material/error:")
        st.markdown(f"**What to do:** {vocabulary.harmless(error.hint)}")
        return
    message = vocabulary.harmless(error.message)
    st.warning(message, icon=":material/hourglass_empty:")
    if error.hint.startswith("run:"):
        st.markdown("Run this, then reload the page:")
    else:  # a damaged artifact is deleted first: nothing is replaced silently
        st.markdown(f"**What to do:** {vocabulary.harmless(error.hint)}")
    st.code(data.command(), language="bash")
