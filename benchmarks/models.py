"""The tables of the summing algorithm, with the indexes that it had."""

from django.db import models


class SummedAccount(models.Model):
    name = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name


class SummedEntry(models.Model):
    account = models.ForeignKey(SummedAccount, on_delete=models.CASCADE)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    credit_type = models.CharField(max_length=20)
    description = models.CharField(max_length=255)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "-created_at"], name="summed_account_created"),
            models.Index(fields=["-created_at"], name="summed_created"),
            models.Index(fields=["credit_type"], name="summed_type"),
            models.Index(fields=["expires_at"], name="summed_expires"),
            models.Index(fields=["account", "credit_type"], name="summed_account_type"),
            models.Index(fields=["credit_type", "expires_at"], name="summed_type_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.amount}"
