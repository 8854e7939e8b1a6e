"""Compare: phenotypes against each other, and the same people in other organs."""

from collections.abc import Callable

import streamlit as st

from app import guards, state, widgets
from app.compare import (
    again as compare_again,
)
from app.compare import (
    elsewhere as compare_elsewhere,
)
from app.compare import (
    phewas as compare_phewas,
)
from app.compare import (
    picks as compare_picks,
)
from app.compare import (
    views as compare_views,
)

choice = state.choice()
widgets.title("Compare", choice)
guards.need(f"atlas/{choice.organ}/{choice.encoder}")
chosen = compare_picks.picks(choice)
VIEWS: dict[str, Callable[[], None]] = {
    "Two phenotypes": lambda: compare_views.two(chosen),
    "Correlations": lambda: compare_views.pairs(chosen),
    "Confounders": lambda: compare_views.confounders(chosen),
    "PheWAS": lambda: compare_phewas.draw(chosen, choice),
    "Same people elsewhere": lambda: compare_elsewhere.draw(chosen, choice),
    "Encoders and seeds": lambda: compare_again.draw(chosen, choice),
}
tabs = st.tabs(list(VIEWS), key="compared", bind="query-params", on_change="rerun")
for tab, draw in zip(tabs, VIEWS.values(), strict=True):
    # only the open one is computed
    if tab.open:
        with tab, widgets.loading(420):
            draw()
