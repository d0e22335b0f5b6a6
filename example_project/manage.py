#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # The demo has a database of its own, which must be settled before Django loads its settings.
    settings = "inkwell.settings"
    if sys.argv[1:2] == ["demo"]:
        settings = "inkwell.demo.team_settings" if "--teams" in sys.argv else "inkwell.demo.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    execute_from_command_line(sys.argv)
