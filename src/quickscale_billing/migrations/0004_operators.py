"""Permissions of operators."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("quickscale_billing", "0003_receipts"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="inboxitem",
            options={
                "ordering": ["-arrived_at", "-pk"],
                "permissions": [
                    ("settle_again", "Can settle again what Stripe told"),
                    ("reconcile_billing", "Can compare with Stripe and repair"),
                ],
                "verbose_name": "inbox item",
                "verbose_name_plural": "inbox",
            },
        ),
    ]
