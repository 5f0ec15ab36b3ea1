"""The kill run as a program: `python tests/e2e/kill/run.py --kills 200 --commands 2000 --log kafka`."""

import sys

from killing.program import main

sys.exit(main())
