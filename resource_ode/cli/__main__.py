"""`python -m resource_ode.cli` is the command `resource-ode`."""

import sys

from .program import main

if __name__ == "__main__":
    sys.exit(main())
