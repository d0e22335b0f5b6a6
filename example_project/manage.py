#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # The demo has a database of its own, which must be settled before Django loads its settings.
    demo = sys.argv[1:2] == ["demo"]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inkwell.demo.settings" if demo else "inkwell.settings")
    execute_from_command_line(sys.argv)
