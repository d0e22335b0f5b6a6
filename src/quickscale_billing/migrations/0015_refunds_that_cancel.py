from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quickscale_billing", "0014_mail_about_webhooks")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="cancels",
            field=models.BooleanField(
                default=False, help_text="At once, before the money is sent.", verbose_name="cancels the subscription"
            ),
        ),
    ]
