"""Pages about oneself; signing in and out, sign-up and passwords are allauth's, in config.urls."""

from django.urls import path
from django.views.generic import RedirectView

from accounts import views

urlpatterns = [
    path("", views.account, name="account"),
    path("export/", views.export, name="account_export"),
    path("delete/", views.delete, name="account_delete"),
    # One person, one address: allauth's page for managing several is not for us.
    path("email/", RedirectView.as_view(pattern_name="account"), name="account_emails"),
]
