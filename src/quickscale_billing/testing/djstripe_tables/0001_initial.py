# ruff: noqa: N999 - as Django names migrations
from typing import Any

from django.apps import apps as installed
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class CreateTablesAsTheyAre(Operation):
    """Without a migrations module at all, PostgreSQL would be asked for foreign keys to users before there are any."""

    reduces_to_sql = False

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing: sixty models more would be rendered again for each migration that follows."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for model in _models(app_label):
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.create_model(model)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for model in reversed(_models(app_label)):
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.delete_model(model)

    def describe(self) -> str:
        return "Create the tables of the models as they are"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        migrations.swappable_dependency(getattr(settings, "DJSTRIPE_SUBSCRIBER_MODEL", settings.AUTH_USER_MODEL)),
    ]

    operations = [CreateTablesAsTheyAre()]


def _models(app_label: str) -> list[type[models.Model]]:
    return list(installed.get_app_config(app_label).get_models())
