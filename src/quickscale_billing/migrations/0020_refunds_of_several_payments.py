import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quickscale_billing", "0019_changes_of_value_check_no_account")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="part_of",
            field=models.ForeignKey(
                help_text=(
                    "The first of the refunds that were asked for at once, of an invoice with several payments."
                ),
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="quickscale_billing.refund",
                verbose_name="part of",
            ),
        ),
    ]
