"""Makes ``python -m kernelpipe`` the same as ``kernelpipe``."""

import sys

from kernelpipe.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
