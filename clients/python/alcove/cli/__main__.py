"""`python -m alcove.cli`."""

import sys

from alcove.cli import main

sys.exit(main())
