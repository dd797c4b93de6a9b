from django.urls import path

from sandboxes.views import sandbox

urlpatterns = [
    path("", sandbox.library, name="sandboxes"),
    path("<slug:slug>/", sandbox.sandbox, name="sandbox"),
    path("<slug:slug>/<slug:chart>.csv", sandbox.chart_csv, name="chart_csv"),
]
