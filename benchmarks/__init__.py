"""How fast, how small and how right earlet is, beside its peers. `make bench` writes RESULTS.md.

    peers.txt -> install.py -> an environment of its own
    speed/<group>.py: lines(setting) -> Line, Curve     each group in a process of its own
        ours, peers -> compare.py: what they give is compared -> stopwatch.py: rounds in turn
        rounds -> Ratio with its interval -> Line with its aim                     line.py
    Line, Curve as JSON, a line each -> apart.py -> report.py, figures.py
        -> RESULTS.md, figures/*.png

A new comparison is a `Peer` in its group, and a new group a module in `speed/` with its heading in
`speed/__init__.py`. Whoever is not installed, fails, or errs is a line that says so.

`accuracy/` measures what is heard rightly, by hand; `picture.py` draws README's picture.
"""

import os
import sys

if sys.argv[0] == "-m":  # so it is while Python looks for what it is to run: tests only import this
    # Before NumPy, onnxruntime or any peer reads them: one thread, no word to anybody, no download.
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",  # as earlet sets it
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",  # that there may be no torch is as wanted
        "TRANSFORMERS_VERBOSITY": "error",
        "CUDA_VISIBLE_DEVICES": "",
    }
