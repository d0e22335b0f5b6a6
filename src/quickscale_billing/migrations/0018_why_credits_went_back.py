from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quickscale_billing", "0017_value_changes_are_written_down")]

    operations = [
        migrations.AddField(
            model_name="clawback",
            name="reason",
            field=models.CharField(default="refund", editable=False, max_length=16, verbose_name="reason"),
        ),
        migrations.AddField(
            model_name="invoice",
            name="retrieved_at",
            field=models.DateTimeField(null=True, verbose_name="retrieved at"),
        ),
    ]
