from django.conf import settings
from django.db import migrations, models

import inkwell.teams.models


class Migration(migrations.Migration):
    """The database has the same key as before: who is a team's only administrator is kept by Django."""

    dependencies = [
        ("teams", "0002_invitation_sent_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="membership",
            name="user",
            field=models.ForeignKey(
                on_delete=inkwell.teams.models.keep_an_administrator,
                related_name="memberships",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
