"""Addresses of practice, exams and progress."""

from django.urls import path

from quizzes import bank_views, exam_views, file_views, study_views, views

urlpatterns = [
    path("practice/", views.practice, name="practice"),
    path("practice/about/<slug:pattern>/", views.about, name="practice_about"),
    path("practice/about/<slug:pattern>/deck/", file_views.deck, name="practice_deck"),
    path("practice/<uuid:session_id>/", views.session, name="practice_session"),
    path("practice/<uuid:session_id>/again/", views.again, name="practice_again"),
    path("practice/<uuid:session_id>/<int:number>/", views.question, name="practice_question"),
    path("questions/<slug:question_id>/mark/", views.mark, name="mark"),
    path("questions/<slug:question_id>/report/", views.report, name="report"),
    path("bank/", bank_views.bank, name="bank"),
    path("exams/", exam_views.exams, name="exams"),
    path("exams/<uuid:attempt_id>/", exam_views.exam, name="exam"),
    path("exams/<uuid:attempt_id>/<int:number>/", exam_views.item, name="exam_item"),
    path("exams/<uuid:attempt_id>/paper/", exam_views.paper, name="exam_paper"),
    path("exams/<uuid:attempt_id>/changes/", exam_views.changes, name="exam_changes"),
    path("exams/<uuid:attempt_id>/state/", exam_views.state, name="exam_state"),
    path("exams/<uuid:attempt_id>/review/", exam_views.review, name="exam_review"),
    path("exams/<uuid:attempt_id>/submit/", exam_views.submit, name="exam_submit"),
    path("progress/reviews/", study_views.review, name="reviews"),
    path("progress/reviews/start/", study_views.start, name="reviews_start"),
    path("progress/reviews/settings/", study_views.study_settings, name="study_settings"),
    path("progress/mastery/", study_views.mastery, name="mastery"),
    path("progress/", views.progress, name="progress"),
    path("progress/history.csv", file_views.history_as_csv, name="history_csv"),
    path("progress/history.json", file_views.history_as_json, name="history_json"),
]
