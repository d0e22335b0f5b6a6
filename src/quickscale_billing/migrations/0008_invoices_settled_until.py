from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("quickscale_billing", "0007_cards_change_one_at_a_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="plansubscription",
            name="invoices_settled_until",
            field=models.DateTimeField(editable=False, null=True, verbose_name="invoices settled until"),
        ),
    ]
