"""A form for any service, made from the JSON schema of its `Input`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from quickscale_services import schemas
from quickscale_services.base import BaseService
from quickscale_services.exceptions import InvalidInput
from quickscale_services.labels import label, told

LONG_TEXT = 200

Schema = dict[str, Any]


class ServiceForm(forms.Form):
    """What was sent twice from one form is one run: its `form_id` and the input make the idempotency key."""

    def __init__(self, service: BaseService, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.service = service
        schema = service.Input.model_json_schema()
        required = schema.get("required", [])
        for name, described in schema.get("properties", {}).items():
            resolved = _resolved(described, schema)
            if "items" in resolved:
                resolved["items"] = _resolved(resolved["items"], schema)
            self.fields[name] = _field(name, resolved, is_required=name in required)

    @staticmethod
    def new_id() -> str:
        return str(uuid.uuid4())

    def given(self) -> dict[str, Any]:
        """The input as `run` takes it: what was left empty is left to its default."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}

    def idempotency_key(self) -> str | None:
        """None if the form's id was tampered with. Raises `InvalidInput`."""
        try:
            form_id = uuid.UUID(self.data.get("form_id", ""))
        except ValueError:
            return None
        data = schemas.validate(self.service, self.given())
        return f"{form_id}:{schemas.fingerprint(self.service, data)}"

    def show(self, invalid: InvalidInput) -> None:
        """Each error next to the field that it is about."""
        for error in invalid.errors:
            field, *inner = error["loc"] or [None]
            where = ".".join(str(step + 1) if isinstance(step, int) else str(step) for step in inner)
            message = f"{where}: {error['msg']}" if where else error["msg"]
            self.add_error(field if field in self.fields else None, message)


class TextField(forms.CharField):
    """Text as it was typed; browsers send each line's end as two characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class LinesField(TextField):
    """A list, one item a line."""

    def clean(self, value: Any) -> Any:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


class LiteralField(forms.TypedChoiceField):
    """One of the values of a Literal or an Enum, given back as what it is: text or a number."""

    def __init__(self, *, values: list[Any], required: bool, **options: Any) -> None:
        by_text = {str(value): value for value in values}
        choices = [(text, told(label(text))) for text in by_text]
        if not required and options.get("initial") is None:
            choices.insert(0, ("", "—"))
        super().__init__(choices=choices, coerce=by_text.__getitem__, empty_value=None, required=required, **options)


class LiteralsField(forms.TypedMultipleChoiceField):
    def __init__(self, *, values: list[Any], **options: Any) -> None:
        by_text = {str(value): value for value in values}
        choices = [(text, told(label(text))) for text in by_text]
        super().__init__(choices=choices, coerce=by_text.__getitem__, widget=forms.CheckboxSelectMultiple, **options)


def _field(name: str, schema: Schema, *, is_required: bool) -> forms.Field:
    options: dict[str, Any] = {
        "label": told(schema.get("title") or label(name)),
        "help_text": told(schema.get("description", "")),
        "initial": schema.get("default"),
        "required": is_required,
    }
    field = _builder(schema)(schema, options)
    field.widget.attrs["class"] = _bulma_class(field.widget)
    return field


def _builder(schema: Schema) -> Callable[[Schema, dict[str, Any]], forms.Field]:
    if "enum" in schema or "const" in schema:
        return _literal
    by_format = BUILDERS.get((schema.get("type"), schema.get("format")))
    return by_format or BUILDERS.get((schema.get("type"), None), _json)


def _literal(schema: Schema, options: dict[str, Any]) -> forms.Field:
    return LiteralField(values=_values(schema), **options)


def _text(schema: Schema, options: dict[str, Any]) -> forms.Field:
    longest = schema.get("maxLength")
    is_long = longest is None or longest > LONG_TEXT
    widget = forms.Textarea({"rows": 10}) if is_long else forms.TextInput()
    return TextField(max_length=longest, min_length=schema.get("minLength"), widget=widget, **options)


def _typed(kind: str) -> Callable[[Schema, dict[str, Any]], forms.Field]:
    def build(schema: Schema, options: dict[str, Any]) -> forms.Field:
        return TextField(max_length=schema.get("maxLength"), widget=forms.TextInput({"type": kind}), **options)

    return build


def _integer(schema: Schema, options: dict[str, Any]) -> forms.Field:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if (above := schema.get("exclusiveMinimum")) is not None:
        lowest = above + 1
    if (below := schema.get("exclusiveMaximum")) is not None:
        highest = below - 1
    return forms.IntegerField(min_value=lowest, max_value=highest, **options)


def _number(schema: Schema, options: dict[str, Any]) -> forms.Field:
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    highest = schema.get("maximum", schema.get("exclusiveMaximum"))
    field = forms.DecimalField(min_value=lowest, max_value=highest, **options)
    field.widget.attrs["step"] = "any"
    return field


def _boolean(schema: Schema, options: dict[str, Any]) -> forms.Field:
    return forms.BooleanField(**options | {"required": False})


def _upload(schema: Schema, options: dict[str, Any]) -> forms.Field:
    accept = ",".join(schema.get("x-accept", []))
    widget = forms.FileInput({"accept": accept} if accept else {})
    return forms.FileField(allow_empty_file=True, widget=widget, **options | {"initial": None})


def _date(schema: Schema, options: dict[str, Any]) -> forms.Field:
    return forms.DateField(widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"), **options)


def _moment(schema: Schema, options: dict[str, Any]) -> forms.Field:
    widget = forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    return forms.DateTimeField(widget=widget, **options)


def _time(schema: Schema, options: dict[str, Any]) -> forms.Field:
    return forms.TimeField(widget=forms.TimeInput({"type": "time"}, "%H:%M"), **options)


def _array(schema: Schema, options: dict[str, Any]) -> forms.Field:
    items = schema.get("items", {})
    if "enum" in items or "const" in items:
        return LiteralsField(values=_values(items), **options)
    if items.get("type") not in ("string", "integer", "number"):
        return _json(schema, options)
    options["help_text"] = options["help_text"] or _("One a line.")
    options["initial"] = "\n".join(map(str, options["initial"] or []))
    return LinesField(widget=forms.Textarea({"rows": 5}), **options)


def _json(schema: Schema, options: dict[str, Any]) -> forms.Field:
    options["help_text"] = options["help_text"] or _("As JSON.")
    return forms.JSONField(widget=forms.Textarea({"rows": 6}), **options)


BUILDERS: dict[tuple[str | None, str | None], Callable[[Schema, dict[str, Any]], forms.Field]] = {
    ("string", None): _text,
    ("string", "binary"): _upload,
    ("string", "date"): _date,
    ("string", "date-time"): _moment,
    ("string", "time"): _time,
    ("string", "email"): _typed("email"),
    ("string", "uri"): _typed("url"),
    ("string", "password"): _typed("password"),
    ("integer", None): _integer,
    ("number", None): _number,
    ("boolean", None): _boolean,
    ("array", None): _array,
}


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Without `$ref`, and for what may be null or of several types, as the first type that is not null."""
    if reference := schema.get("$ref"):
        return {**root["$defs"][reference.rpartition("/")[2]], **schema}
    if variants := [variant for variant in schema.get("anyOf", []) if variant.get("type") != "null"]:
        return _resolved(variants[0], root) | schema
    return dict(schema)


def _values(schema: Schema) -> list[Any]:
    values: list[Any] = schema["enum"] if "enum" in schema else [schema["const"]]
    return values


def _bulma_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.Textarea):
        return "textarea"
    return "" if isinstance(widget, forms.CheckboxInput | forms.widgets.ChoiceWidget) else "input"
