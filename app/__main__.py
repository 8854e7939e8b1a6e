"""Start the studio: ``EDP_STUDY=folder python -m app`` with Streamlit's own options.

It is ``streamlit run app/main.py``, and reads in the background what every first visit
needs, so that the first visitor does not wait for it.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from pathlib import Path

from streamlit import runtime
from streamlit.web import cli

from edp_core.errors import EdpError

MAIN = Path(__file__).with_name("main.py")
log = logging.getLogger("edp_studio")


def warm() -> None:
    """Import the screens and read the study's first embedding.

    Whatever is missing there a screen tells, with what to do; here it is passed over.
    """
    from app import data, recipes, routes
    from app.live import bases  # slow: two seconds
    from app.state import Choice

    assert routes.SCREENS
    while not runtime.exists():  # what is read before is not kept
        time.sleep(0.02)
    try:
        organ, encoder = data.study().pairs()[0]
        tables = data.vocabularies(organ, encoder)
        data.enrichment(organ, encoder)
        for code in next(iter(tables.values()))["code"][:1] if tables else ():
            first = Choice(organ, encoder, str(code), 0)
            data.phenotype(recipes.classifier(first, str(code)))
        if bases.there(organ, encoder):
            bases.live(organ, encoder)
    except EdpError as error:
        log.info("not read ahead: %s", error.message)
    # what stays for good need not be looked through at every collection of garbage
    gc.collect()
    gc.freeze()


def main() -> None:
    """Serve until interrupted."""
    # reading ahead belongs to no visitor: that is meant, and no cause for a warning
    told = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
    told.addFilter(lambda record: threading.current_thread().name != "warm")
    threading.Thread(target=warm, name="warm", daemon=True).start()
    sys.argv = ["streamlit", "run", str(MAIN), *sys.argv[1:]]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
