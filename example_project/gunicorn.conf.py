"""How the example is served. gunicorn reads this where it is started; what its command line says comes first.

Its own log and the one of requests go through the filter of inkwell.production too: a path may be a link that lets in.
"""

accesslog = "-"
# It would want a home, which the image's user does not have.
control_socket_disable = True

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"secrets": {"()": "inkwell.operations.redacting.RedactSecrets"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "request": {"format": "{message}", "style": "{"},
    },
    "handlers": {
        "errors": {"class": "logging.StreamHandler", "filters": ["secrets"], "formatter": "line"},
        "requests": {
            "class": "logging.StreamHandler",
            "filters": ["secrets"],
            "formatter": "request",
            "stream": "ext://sys.stdout",
        },
    },
    "root": {"handlers": ["errors"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": ["errors"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": ["requests"], "level": "INFO", "propagate": False},
    },
}
