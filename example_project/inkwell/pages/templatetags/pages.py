from django import template

register = template.Library()


@register.filter
def with_class(field, css_class):
    """The form field's widget with Bulma's class on it, and marked where it has errors."""
    marked = f"{css_class} is-danger" if field.errors else css_class
    return field.as_widget(attrs={"class": marked})
