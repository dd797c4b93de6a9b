from django.urls import path

from sandboxes.views import replay, sandbox

urlpatterns = [
    path("", sandbox.library, name="sandboxes"),
    path("<slug:slug>/", sandbox.sandbox, name="sandbox"),
    path("<slug:slug>/replay/", replay.replay, name="replay"),
    path("<slug:slug>/<slug:chart>.csv", sandbox.chart_csv, name="chart_csv"),
]
