"""`python -m earlet_quantize` is `earlet-quantize`."""

import sys

from earlet_quantize.cli import main

sys.exit(main())
