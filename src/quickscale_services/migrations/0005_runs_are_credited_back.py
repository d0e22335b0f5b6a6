from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("quickscale_services", "0004_runs_in_the_background")]

    operations = [
        migrations.AlterModelOptions(
            name="servicerun",
            options={
                "ordering": ["-created_at"],
                "permissions": [("credit_back_run", "Can credit back runs")],
                "verbose_name": "service run",
                "verbose_name_plural": "service runs",
            },
        ),
    ]
