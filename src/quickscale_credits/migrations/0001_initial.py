import datetime
from decimal import Decimal
from typing import Any

import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import model_utils.fields
from django.conf import settings
from django.db import migrations, models

import quickscale_credits.fields
from quickscale_credits.conf import owner_model


def index_times(apps: Any, schema_editor: Any) -> None:
    """Entries come in the order of time, so that a block range index of a few pages serves reports."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX credits_entry_created_at ON quickscale_credits_ledgerentry USING brin (created_at)"
        )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        migrations.swappable_dependency(owner_model()),
    ]

    operations = [
        migrations.CreateModel(
            name="RollupWatermark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64, unique=True)),
                ("entry_id", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "rollup watermark",
                "verbose_name_plural": "rollup watermarks",
            },
        ),
        migrations.CreateModel(
            name="CreditAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created"
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now, editable=False, verbose_name="modified"
                    ),
                ),
                ("balance", quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="balance")),
                ("held", quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="held")),
                ("debt", quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="debt")),
                (
                    "low_balance_threshold",
                    quickscale_credits.fields.CreditField(
                        blank=True,
                        help_text="Below this, the owner is told. Empty: the threshold in the settings.",
                        null=True,
                        verbose_name="low balance threshold",
                    ),
                ),
                ("sequence", models.BigIntegerField(default=0, editable=False)),
                ("head_grant_id", models.BigIntegerField(editable=False, null=True)),
                ("next_expiry_at", models.DateTimeField(db_index=True, editable=False, null=True)),
                (
                    "owner",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="credit_account",
                        to=owner_model(),
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "credit account",
                "verbose_name_plural": "credit accounts",
                "permissions": [
                    ("adjust_credits", "Can grant and adjust credits"),
                    ("export_credits", "Can export credits"),
                    ("view_analytics", "Can view analytics"),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "credit_type",
                    models.CharField(
                        choices=[
                            ("subscription", "Subscription"),
                            ("promotional", "Promotional"),
                            ("pay_as_you_go", "Pay as you go"),
                        ],
                        max_length=20,
                        verbose_name="type",
                    ),
                ),
                ("priority", models.PositiveSmallIntegerField(verbose_name="priority")),
                (
                    "expires_at",
                    quickscale_credits.fields.ExpiryField(blank=True, default=None, verbose_name="expires at"),
                ),
                ("amount", quickscale_credits.fields.CreditField(verbose_name="amount")),
                (
                    "remaining",
                    quickscale_credits.fields.CreditField(
                        help_text="What is free: neither spent nor held.", verbose_name="remaining"
                    ),
                ),
                ("held", quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="held")),
                (
                    "revoked",
                    quickscale_credits.fields.CreditField(
                        default=Decimal("0"), help_text="Taken back, as credits or as debt.", verbose_name="revoked"
                    ),
                ),
                ("expired", quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="expired")),
                ("debt_paid", quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="debt paid")),
                (
                    "state",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "Nothing free"), (1, "Open"), (2, "Expired"), (3, "Revoked")],
                        default=1,
                        verbose_name="state",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at")),
                ("seal", models.BigIntegerField(editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grants",
                        to="quickscale_credits.creditaccount",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "grant",
                "verbose_name_plural": "grants",
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", quickscale_credits.fields.CreditField(verbose_name="amount")),
                ("captured", quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="captured")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("captured", "Captured"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                        ],
                        default="open",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("expires_at", models.DateTimeField(null=True, verbose_name="expires at")),
                ("reason", models.CharField(max_length=64, verbose_name="reason")),
                ("reference", models.CharField(blank=True, default="", max_length=255, verbose_name="reference")),
                (
                    "idempotency_key",
                    quickscale_credits.fields.ExactCharField(max_length=255, null=True, verbose_name="idempotency key"),
                ),
                ("fingerprint", models.BigIntegerField(editable=False, null=True)),
                ("actor", models.CharField(blank=True, default="", max_length=255, verbose_name="actor")),
                ("metadata", models.JSONField(blank=True, default=dict, verbose_name="metadata")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at")),
                ("seal", models.BigIntegerField(editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="quickscale_credits.creditaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        help_text="The one grant that is held; empty when there are several, see the allocations.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="quickscale_credits.creditgrant",
                        verbose_name="grant",
                    ),
                ),
            ],
            options={
                "verbose_name": "hold",
                "verbose_name_plural": "holds",
            },
        ),
        migrations.CreateModel(
            name="HoldAllocation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", quickscale_credits.fields.CreditField(verbose_name="amount")),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="hold_allocations",
                        to="quickscale_credits.creditgrant",
                        verbose_name="grant",
                    ),
                ),
                (
                    "hold",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="quickscale_credits.hold",
                        verbose_name="hold",
                    ),
                ),
            ],
            options={
                "verbose_name": "hold allocation",
                "verbose_name_plural": "hold allocations",
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.BigIntegerField(verbose_name="sequence")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("grant", "Grant"),
                            ("spend", "Spend"),
                            ("reversal", "Reversal"),
                            ("revocation", "Revocation"),
                            ("adjustment", "Adjustment"),
                            ("transfer_in", "Transfer in"),
                            ("transfer_out", "Transfer out"),
                            ("expiry", "Expiry"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("amount", quickscale_credits.fields.CreditField(verbose_name="amount")),
                ("balance_after", quickscale_credits.fields.CreditField(verbose_name="balance after")),
                (
                    "debt",
                    quickscale_credits.fields.CreditField(
                        default=Decimal("0"),
                        help_text="What no grant could pay: the debt this made.",
                        verbose_name="debt",
                    ),
                ),
                ("reason", models.CharField(max_length=64, verbose_name="reason")),
                ("reference", models.CharField(blank=True, default="", max_length=255, verbose_name="reference")),
                (
                    "idempotency_key",
                    quickscale_credits.fields.ExactCharField(max_length=255, null=True, verbose_name="idempotency key"),
                ),
                ("fingerprint", models.BigIntegerField(editable=False, null=True)),
                ("actor", models.CharField(blank=True, default="", max_length=255, verbose_name="actor")),
                ("metadata", models.JSONField(blank=True, default=dict, verbose_name="metadata")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at")),
                ("seal", models.BigIntegerField(editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="quickscale_credits.creditaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        db_index=False,
                        help_text="The one grant that gave or got; empty when there are several, see the allocations.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="quickscale_credits.creditgrant",
                        verbose_name="grant",
                    ),
                ),
                (
                    "origin",
                    models.ForeignKey(
                        db_index=False,
                        help_text="The entry that a reversal reverses, or that a transfer in came from.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="followers",
                        to="quickscale_credits.ledgerentry",
                        verbose_name="origin",
                    ),
                ),
            ],
            options={
                "verbose_name": "ledger entry",
                "verbose_name_plural": "ledger entries",
                "ordering": ["account_id", "sequence"],
            },
        ),
        migrations.AddField(
            model_name="hold",
            name="entry",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="hold",
                to="quickscale_credits.ledgerentry",
                verbose_name="entry",
            ),
        ),
        migrations.AddField(
            model_name="creditgrant",
            name="entry",
            field=models.ForeignKey(
                help_text="The entry that gave these credits.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="grants",
                to="quickscale_credits.ledgerentry",
                verbose_name="entry",
            ),
        ),
        migrations.CreateModel(
            name="Allocation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "amount",
                    quickscale_credits.fields.CreditField(
                        help_text="Above zero; the entry says in which direction.", verbose_name="amount"
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="quickscale_credits.creditgrant",
                        verbose_name="grant",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="quickscale_credits.ledgerentry",
                        verbose_name="entry",
                    ),
                ),
            ],
            options={
                "verbose_name": "allocation",
                "verbose_name_plural": "allocations",
            },
        ),
        migrations.CreateModel(
            name="RedeemCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "created",
                    model_utils.fields.AutoCreatedField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created"
                    ),
                ),
                (
                    "modified",
                    model_utils.fields.AutoLastModifiedField(
                        default=django.utils.timezone.now, editable=False, verbose_name="modified"
                    ),
                ),
                (
                    "code",
                    quickscale_credits.fields.ExactCharField(
                        help_text="Upper and lower case are the same.", max_length=64, unique=True, verbose_name="code"
                    ),
                ),
                ("amount", quickscale_credits.fields.CreditField(verbose_name="amount")),
                (
                    "credit_type",
                    models.CharField(
                        choices=[
                            ("subscription", "Subscription"),
                            ("promotional", "Promotional"),
                            ("pay_as_you_go", "Pay as you go"),
                        ],
                        default="promotional",
                        max_length=20,
                        verbose_name="type",
                    ),
                ),
                (
                    "expires_in",
                    models.DurationField(
                        blank=True,
                        help_text="How long the credits last. Empty: for ever.",
                        null=True,
                        verbose_name="expires in",
                    ),
                ),
                (
                    "budget",
                    quickscale_credits.fields.CreditField(
                        blank=True,
                        help_text="Credits given in all. Empty: without end.",
                        null=True,
                        verbose_name="budget",
                    ),
                ),
                (
                    "redeemed",
                    quickscale_credits.fields.CreditField(
                        default=Decimal("0"), editable=False, verbose_name="redeemed"
                    ),
                ),
                ("uses_per_owner", models.PositiveIntegerField(default=1, verbose_name="uses per owner")),
                ("valid_from", models.DateTimeField(blank=True, null=True, verbose_name="valid from")),
                ("valid_until", models.DateTimeField(blank=True, null=True, verbose_name="valid until")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "redeem code",
                "verbose_name_plural": "redeem codes",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="credits_code_amount_positive"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_in__isnull", True),
                            models.Q(
                                ("expires_in__gt", datetime.timedelta(0)),
                                ("expires_in__lte", datetime.timedelta(days=36500)),
                            ),
                            _connector="OR",
                        ),
                        name="credits_code_expires_within_a_century",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("redeemed__gte", 0),
                            models.Q(("budget__isnull", True), ("redeemed__lte", models.F("budget")), _connector="OR"),
                        ),
                        name="credits_code_within_budget",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Redemption",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="quickscale_credits.creditaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "code",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="quickscale_credits.redeemcode",
                        verbose_name="code",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemption",
                        to="quickscale_credits.ledgerentry",
                        verbose_name="entry",
                    ),
                ),
            ],
            options={
                "verbose_name": "redemption",
                "verbose_name_plural": "redemptions",
            },
        ),
        migrations.CreateModel(
            name="SpendingLimit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", quickscale_credits.fields.CreditField(verbose_name="amount")),
                (
                    "period",
                    models.CharField(
                        choices=[("day", "a day"), ("week", "a week"), ("month", "a month"), ("total", "in all")],
                        max_length=5,
                        verbose_name="period",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="limits",
                        to="quickscale_credits.creditaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: everybody together.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member",
                    ),
                ),
            ],
            options={
                "verbose_name": "spending limit",
                "verbose_name_plural": "spending limits",
            },
        ),
        migrations.CreateModel(
            name="UsageRollup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(verbose_name="day")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("grant", "Grant"),
                            ("spend", "Spend"),
                            ("reversal", "Reversal"),
                            ("revocation", "Revocation"),
                            ("adjustment", "Adjustment"),
                            ("transfer_in", "Transfer in"),
                            ("transfer_out", "Transfer out"),
                            ("expiry", "Expiry"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                (
                    "credit_type",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("subscription", "Subscription"),
                            ("promotional", "Promotional"),
                            ("pay_as_you_go", "Pay as you go"),
                        ],
                        max_length=20,
                        verbose_name="type",
                    ),
                ),
                ("reason", models.CharField(max_length=64, verbose_name="reason")),
                ("count", models.BigIntegerField(verbose_name="count")),
                ("amount", quickscale_credits.fields.CreditField(verbose_name="amount")),
            ],
            options={
                "verbose_name": "usage rollup",
                "verbose_name_plural": "usage rollups",
                "constraints": [
                    models.UniqueConstraint(fields=("day", "kind", "credit_type", "reason"), name="credits_rollup_once")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="creditaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("debt__gte", 0)), name="credits_account_debt_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(("held__gte", 0)), name="credits_account_held_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "balance__gte",
                        django.db.models.expressions.CombinedExpression(models.F("held"), "-", models.F("debt")),
                    )
                ),
                name="credits_account_spends_not_below_zero",
            ),
        ),
        migrations.AddConstraint(
            model_name="holdallocation",
            constraint=models.UniqueConstraint(fields=("hold", "grant"), name="credits_hold_allocation_once"),
        ),
        migrations.AddConstraint(
            model_name="holdallocation",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="credits_hold_allocation_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                condition=models.Q(("origin__isnull", False)), fields=["origin"], name="credits_entry_origin"
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(fields=("account", "sequence"), name="credits_entry_sequence"),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                fields=("account", "idempotency_key"), name="credits_entry_idempotency_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gt", 0), ("kind__in", ["grant", "reversal", "transfer_in", "adjustment"])),
                    models.Q(
                        ("amount__lt", 0), ("kind__in", ["spend", "revocation", "transfer_out", "expiry", "adjustment"])
                    ),
                    _connector="OR",
                ),
                name="credits_entry_sign_fits_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(fields=["account", "status", "expires_at"], name="credits_hold_ending"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.UniqueConstraint(
                fields=("account", "idempotency_key"), name="credits_hold_idempotency_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("captured__gte", 0), ("captured__lte", models.F("amount"))),
                name="credits_hold_captured_within_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("captured__gt", 0), ("entry__isnull", False), ("status", "captured")),
                    models.Q(("captured", 0), ("entry__isnull", True), models.Q(("status", "captured"), _negated=True)),
                    _connector="OR",
                ),
                name="credits_hold_captured_has_entry",
            ),
        ),
        migrations.AddIndex(
            model_name="creditgrant",
            index=models.Index(
                fields=["account", "state", "priority", "expires_at", "id"], name="credits_grant_spending_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="credits_grant_amount_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("remaining__gte", 0)), name="credits_grant_remaining_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("held__gte", 0)), name="credits_grant_held_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount__gte",
                        django.db.models.expressions.CombinedExpression(models.F("remaining"), "+", models.F("held")),
                    )
                ),
                name="credits_grant_within_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("revoked__gte", 0), ("revoked__lte", models.F("amount"))),
                name="credits_grant_revoked_within_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.UniqueConstraint(fields=("entry", "grant"), name="credits_allocation_once"),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="credits_allocation_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="spendinglimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0)), name="credits_limit_not_negative"
            ),
        ),
        migrations.RunPython(index_times, migrations.RunPython.noop),
    ]
