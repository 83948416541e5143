"""`python -m earlet` is `earlet`."""

import sys

from earlet.cli import main

sys.exit(main())
