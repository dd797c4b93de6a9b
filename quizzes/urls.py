"""Addresses of practice and progress."""

from django.urls import path

from quizzes import views

urlpatterns = [
    path("practice/", views.practice, name="practice"),
    path("practice/about/<slug:pattern>/", views.about, name="practice_about"),
    path("practice/<uuid:session_id>/", views.session, name="practice_session"),
    path("practice/<uuid:session_id>/again/", views.again, name="practice_again"),
    path("practice/<uuid:session_id>/<int:number>/", views.question, name="practice_question"),
    path("progress/", views.progress, name="progress"),
]
