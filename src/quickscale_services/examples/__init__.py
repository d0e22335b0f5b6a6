"""Four services that work as they are, and show how to write your own: add this app to INSTALLED_APPS."""
