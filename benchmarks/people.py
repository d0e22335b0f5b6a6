from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.models import User


def make_people(count: int) -> list[User]:
    names = [uuid4().hex for _ in range(count)]
    User.objects.bulk_create([User(username=name) for name in names], batch_size=500)
    found = {user.username: user for user in User.objects.order_by("-pk")[:count]}
    return [found[name] for name in names]
