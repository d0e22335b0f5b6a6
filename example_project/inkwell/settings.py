"""A whole small SaaS on credits. What a host of QuickScale has to set stands last."""

import os
from datetime import timedelta
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("DEBUG", "1") == "1"
DEMO = False
SECRET_KEY = os.environ["SECRET_KEY"] if not DEBUG else "only-for-development"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "quickscale_credits",
    "quickscale_services",
    "quickscale_services.examples",
    "django_tasks_db",
    "djstripe",
    "quickscale_billing",
    "inkwell.accounts",
    "inkwell.pages",
    "inkwell.contact",
    "inkwell.notices",
    "inkwell.operations",
    "inkwell.indexing",
]

MIDDLEWARE = [
    "inkwell.operations.health.answer_probes",
    "django.middleware.security.SecurityMiddleware",
    "inkwell.security.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "inkwell.accounts.leading.lead_the_browser",
    "allauth.account.middleware.AccountMiddleware",
    "inkwell.accounts.preferences.their_language_and_time",
]

ROOT_URLCONF = "inkwell.urls"
WSGI_APPLICATION = "inkwell.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "inkwell.pages.context_processors.site",
                "inkwell.notices.context_processors.unread",
            ],
        },
    },
]

# IMMEDIATE takes SQLite's write lock at BEGIN, so that two spends wait for each other instead of failing.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SQLITE_PATH", BASE_DIR / "db.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL",
        },
    },
}
# What runs in the background waits in the database, for `manage.py db_worker`.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'self'; frame-ancestors 'none'; "
    # Where a payment is made, where its owner confirms it, and Stripe's portal: forms lead there.
    "form-action 'self' https://checkout.stripe.com https://invoice.stripe.com https://billing.stripe.com"
)

# Accounts: an email address is the whole identity, and it has to be verified.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
ACCOUNT_ADAPTER = "inkwell.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_DISPLAY = "inkwell.accounts.models.display"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Inkwell: "
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "home"

EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
DEFAULT_FROM_EMAIL = "Inkwell <hello@inkwell.example>"
# Who reads what is written on the contact page.
CONTACT_EMAIL = os.environ.get("CONTACT_EMAIL", "hello@inkwell.example")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # What breaks a page is logged by `pages.views.server_error`, with its traceback and its id.
    "loggers": {"django": {"handlers": []}, "django.request": {"level": "CRITICAL"}},
}

# Whose the credits are that a newcomer gets: their own, or in inkwell.team_settings those of a team.
FIRST_OWNER = "inkwell.accounts.welcome.themselves"

# Credits: what a newcomer gets, and when we say that few are left.
QUICKSCALE_CREDITS = {
    "SIGNUP_GRANT": {"amount": 100, "expires_in": timedelta(days=30)},
    "LOW_BALANCE_THRESHOLD": 20,
}

# Services: what one account may ask of the API, and have under way at once.
QUICKSCALE_SERVICES = {
    "RATE_LIMIT": "600/minute",
    "MAX_CONCURRENT_RUNS": 10,
}

# With a server and a model there is a chat. Its rate card is made in the admin, or by import_rate_cards.
QUICKSCALE_EXAMPLES = {
    "CHAT_BASE_URL": os.environ.get("CHAT_BASE_URL", ""),
    "CHAT_MODEL": os.environ.get("CHAT_MODEL", ""),
    "CHAT_API_KEY": os.environ.get("CHAT_API_KEY", ""),
}

# Billing: what is sold stands in a file; the keys are Stripe's. docs/how-to/sell-credits.md leads through it.
STRIPE_LIVE_MODE = os.environ.get("STRIPE_LIVE_MODE") == "1"
STRIPE_TEST_SECRET_KEY = os.environ.get("STRIPE_TEST_SECRET_KEY", "")
STRIPE_LIVE_SECRET_KEY = os.environ.get("STRIPE_LIVE_SECRET_KEY", "")
STRIPE_API_VERSION = "2026-05-27.dahlia"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
QUICKSCALE_BILLING = {
    "CATALOG": BASE_DIR / "catalog.toml",
    "CHECKOUT": {"allow_promotion_codes": True},
    "AUTO_TOP_UP": True,
    "QUEUE": "default",
    "SITE_URL": "http://localhost:8000",
    "SELLER": {"name": "Inkwell", "email": "hello@inkwell.example"},
    "MAIL": "all",
    "MAIL_READER": "inkwell.accounts.preferences.reader_of",
    "MAIL_STAFF": [CONTACT_EMAIL],
}
