"""What follows from a change of who belongs to a team."""

from django.db.models.signals import post_delete
from django.dispatch import receiver

from inkwell.teams.models import Membership
from quickscale_services.models import ApiKey


@receiver(post_delete, sender=Membership)
def revoke_keys(instance, **kwargs):
    """Whoever is gone spends nothing of the team's any more, wherever they were removed."""
    for key in ApiKey.objects.filter(account__owner=instance.organization_id, user=instance.user_id):
        key.revoke()
