"""The web process's entry point."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# Load every page's code now, not at somebody's first request. It stays for good, so no collection has to look at it.
get_resolver().url_patterns  # noqa: B018 - it imports them
gc.collect()
gc.freeze()
