"""The settings of the tests: the real ones, in a data folder of their own, without a static manifest."""

import os
from pathlib import Path

os.environ.setdefault("DATA_DIR", str(Path(__file__).parents[1] / "var" / "test"))

from config.settings import *  # noqa: F403  (the data folder must be named first)
from config.settings import DATA_DIR, STORAGES, TEMPLATES

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
# Coverage of templates needs to know which line of which file is rendered.
TEMPLATES = [{**TEMPLATES[0], "OPTIONS": {**TEMPLATES[0]["OPTIONS"], "debug": True}}]
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Real password hashing is slow on purpose; the tests do not measure it.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
