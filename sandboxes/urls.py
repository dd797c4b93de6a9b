from django.urls import path

from sandboxes.views import checks, sandbox

urlpatterns = [
    path("", sandbox.library, name="sandboxes"),
    path("<slug:slug>/", sandbox.sandbox, name="sandbox"),
    path("<slug:slug>/checks/", checks.checks, name="checks"),
    path("<slug:slug>/<slug:chart>.csv", sandbox.chart_csv, name="chart_csv"),
]
