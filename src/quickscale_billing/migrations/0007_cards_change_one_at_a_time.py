from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("quickscale_billing", "0006_monthly_value_of_earlier_periods"),
    ]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="changing_cards_since",
            field=models.DateTimeField(editable=False, null=True, verbose_name="changing cards since"),
        ),
    ]
