from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("quickscale_billing", "0021_taxes_of_payments")]

    operations = [
        migrations.RemoveConstraint(model_name="frozengrant", name="billing_frozen_once"),
    ]
