"""`python -m resource_ode` is the command `resource-ode`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
