"""The slow work: images in, artifacts out. The only room with torch."""

import os

# Read by the thread library when torch loads it. Waiting threads then sleep instead of
# spinning: on a machine that does other work as well, spinning made training on two
# cores six to thirteen times slower; alone it is as fast (benchmarks/RESULTS.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
