"""Charts on their way to the browser: quickly, and in words that stay the same.

Streamlit's own way checks a chart against Vega-Lite's schema each time it is drawn,
which costs more than all else on a screen, and names its data by their content, so that
a chart of other data is a chart to build anew. Here nothing is checked (tests do), and
data are named by their order.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import altair as alt
import pandas as pd

from app.plots.charts import AltairChart

_ONE = Lock()
"""How Altair hands on data is one setting for all threads."""
_WAY = "named by order"


def spec_of(chart: AltairChart) -> dict[str, Any]:
    """A chart as `st.vega_lite_chart` takes it, its tables under ``datasets``."""
    tables: dict[str, pd.DataFrame] = {}

    def name(data: Any, **_more: Any) -> dict[str, str]:
        if not isinstance(data, pd.DataFrame):
            return alt.default_data_transformer(data)
        known = next((key for key, held in tables.items() if held is data), None)
        key = known or f"table{len(tables)}"
        tables[key] = data
        return {"name": key}

    with _ONE:
        alt.data_transformers.register(_WAY, name)
        with alt.theme.enable("none"), alt.data_transformers.enable(_WAY):
            spec: dict[str, Any] = chart.to_dict(validate=False)
    spec["datasets"] = {**spec.get("datasets", {}), **tables}
    return spec
