"""Every address of Halfopen, by room."""

from django.contrib import admin
from django.urls import include, path

from config import health, views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("patterns.urls")),
    path("sandboxes/", include("sandboxes.urls")),
    path("", include("quizzes.urls")),
    path("account/", include("accounts.urls")),
    path("account/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
]

# allauth answers a request past a rate limit with this.
handler429 = "accounts.views.too_many_requests"
