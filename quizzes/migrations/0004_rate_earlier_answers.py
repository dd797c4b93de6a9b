"""Answers from before there were reviews are rated too, as if they had been when they came."""

from dataclasses import asdict

from django.db import migrations, models
from django.db.models import F, Q

from quizzes.memory import Plan, Rated, rating_of, replay


def rate(apps, schema_editor):
    Answer, Review, ReviewCard = (apps.get_model("quizzes", name) for name in ("Answer", "Review", "ReviewCard"))
    # What was only read after its exam was closed is no answer.
    only_read = Q(item__isnull=False, answered_at__gt=F("item__attempt__closed_at"))
    answers = Answer.objects.exclude(only_read).order_by("learner", "question", "answered_at", "id")
    logs = {}
    for answer in answers.iterator():
        logs.setdefault((answer.learner_id, answer.question_id), []).append(answer)
    cards, reviews = [], []
    for (learner, question), log in logs.items():
        rated = [Rated(a.answered_at, int(rating_of(a.correct, a.certainty, a.item_id is not None))) for a in log]
        memory, steps = replay(rated, Plan())
        cards.append(ReviewCard(learner_id=learner, question_id=question, **asdict(memory)))
        reviews += [
            Review(answer=answer, rating=one.rating, **asdict(step))
            for answer, one, step in zip(log, rated, steps, strict=True)
        ]
    Review.objects.bulk_create(reviews, batch_size=500)
    ReviewCard.objects.bulk_create(cards, batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("quizzes", "0003_learning")]

    operations = [
        migrations.AddIndex(
            "answer", models.Index(fields=["learner", "answered_at"], name="answers_of_a_learner_by_time")
        ),
        migrations.RunPython(rate, migrations.RunPython.noop),
    ]
