"""The owner of an account may be deleted unless an app that would still charge them says no."""

from django.db import migrations, models

from quickscale_credits.conf import owner_model
from quickscale_credits.erasing import leave_account


class Migration(migrations.Migration):
    dependencies = [
        ("quickscale_credits", "0002_rollups_by_account_and_zone"),
        migrations.swappable_dependency(owner_model()),
    ]

    operations = [
        migrations.AlterField(
            model_name="creditaccount",
            name="owner",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=leave_account,
                related_name="credit_account",
                to=owner_model(),
                verbose_name="owner",
            ),
        ),
    ]
