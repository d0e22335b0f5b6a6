import uuid

from django import template
from django.utils.html import format_html

register = template.Library()


@register.filter
def with_class(field, css_class):
    """The form field's widget with Bulma's class on it, and marked where it has errors."""
    marked = f"{css_class} is-danger" if field.errors else css_class
    return field.as_widget(attrs={"class": marked})


@register.simple_tag
def form_id():
    """What tells this form from every other, so that sending it twice counts once."""
    return format_html('<input type="hidden" name="form_id" value="{}" autocomplete="off">', uuid.uuid4())
