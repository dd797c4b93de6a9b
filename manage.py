#!/usr/bin/env python
"""Django's command line for Halfopen."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    # What is made in the data folder is for its owner only.
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
