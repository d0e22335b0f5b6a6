"""What owners agreed to, and each attempt; a purchase may have no session."""

import uuid
from decimal import Decimal

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import quickscale_billing.fields
import quickscale_billing.money
import quickscale_credits.fields


class Migration(migrations.Migration):
    dependencies = [
        ("quickscale_billing", "0008_invoices_settled_until"),
        ("quickscale_credits", "0004_watermarks_without_entries"),
    ]

    operations = [
        migrations.AlterField(
            model_name="purchase",
            name="stripe_line_id",
            field=quickscale_billing.fields.StripeIdField(
                max_length=255, unique=True, verbose_name="line of the session or invoice"
            ),
        ),
        migrations.AlterField(
            model_name="purchase",
            name="stripe_session_id",
            field=quickscale_billing.fields.StripeIdField(
                help_text="None of a top-up.", max_length=255, null=True, verbose_name="session at Stripe"
            ),
        ),
        migrations.CreateModel(
            name="AutoTopUp",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("credits", quickscale_credits.fields.CreditField(verbose_name="credits")),
                (
                    "bonus_credits",
                    quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="bonus credits"),
                ),
                (
                    "currency",
                    quickscale_billing.fields.CurrencyField(
                        max_length=3, validators=[quickscale_billing.money.validate_currency], verbose_name="currency"
                    ),
                ),
                (
                    "amount",
                    quickscale_billing.fields.MinorUnitsField(
                        help_text="Of the pack, as agreed; tax may come on top.", verbose_name="price"
                    ),
                ),
                (
                    "threshold",
                    quickscale_credits.fields.CreditField(
                        help_text="Below so many available credits, the pack is bought.", verbose_name="threshold"
                    ),
                ),
                (
                    "monthly_cap",
                    quickscale_billing.fields.MinorUnitsField(
                        help_text="With tax, in a calendar month (UTC).", verbose_name="monthly cap"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("on", "On"), ("off", "Off")], default="on", max_length=3, verbose_name="state"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("owner", "Turned off by the owner"),
                            ("staff", "Turned off by an administrator"),
                            ("declined", "Three payments in a row failed"),
                            ("disputed", "A payment is disputed"),
                            ("no_method", "There is no card to charge"),
                            ("pack_changed", "The pack is not sold any more as it was agreed"),
                            ("closed", "The account was closed"),
                        ],
                        default="",
                        max_length=16,
                        verbose_name="reason",
                    ),
                ),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, help_text="In a row.", verbose_name="failures"),
                ),
                ("next_attempt_at", models.DateTimeField(null=True, verbose_name="not before")),
                ("consented_by", models.CharField(blank=True, default="", max_length=255, verbose_name="agreed by")),
                ("consented_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="agreed at")),
                ("consent_wording", models.TextField(blank=True, default="", verbose_name="words agreed to")),
                ("stopped_at", models.DateTimeField(null=True, verbose_name="stopped at")),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="auto_top_up",
                        to="quickscale_credits.creditaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="quickscale_billing.creditpack",
                        verbose_name="pack",
                    ),
                ),
            ],
            options={
                "verbose_name": "auto top-up",
                "verbose_name_plural": "auto top-ups",
                "ordering": ["-pk"],
                "permissions": [("stop_auto_top_up", "Can turn auto top-ups off")],
                "indexes": [models.Index(fields=["state", "next_attempt_at"], name="billing_auto_topup_ready")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("threshold__gt", 0)), name="billing_auto_topup_threshold_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0), ("monthly_cap__gte", models.F("amount"))),
                        name="billing_auto_topup_cap_allows_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reason", ""), ("state", "on")),
                            models.Q(("state", "off"), models.Q(("reason", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="billing_auto_topup_off_for_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TopUp",
            fields=[
                ("credits", quickscale_credits.fields.CreditField(verbose_name="credits")),
                (
                    "bonus_credits",
                    quickscale_credits.fields.CreditField(default=Decimal("0"), verbose_name="bonus credits"),
                ),
                (
                    "currency",
                    quickscale_billing.fields.CurrencyField(
                        max_length=3, validators=[quickscale_billing.money.validate_currency], verbose_name="currency"
                    ),
                ),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("is_pending", models.BooleanField(default=True, null=True, verbose_name="pending")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "Under way"),
                            ("needs_action", "Waits for the owner to confirm"),
                            ("paid", "Paid"),
                            ("declined", "Declined"),
                            ("canceled", "Not charged"),
                        ],
                        default="requested",
                        max_length=16,
                        verbose_name="status",
                    ),
                ),
                ("is_wanted", models.BooleanField(default=True, verbose_name="wanted")),
                (
                    "amount",
                    quickscale_billing.fields.MinorUnitsField(
                        help_text="Of the invoice, once Stripe has counted its tax.", verbose_name="amount"
                    ),
                ),
                (
                    "stripe_price_id",
                    quickscale_billing.fields.StripeIdField(max_length=255, verbose_name="price at Stripe"),
                ),
                (
                    "stripe_customer_id",
                    quickscale_billing.fields.StripeIdField(max_length=255, verbose_name="customer at Stripe"),
                ),
                (
                    "stripe_method_id",
                    quickscale_billing.fields.StripeIdField(max_length=255, verbose_name="payment method at Stripe"),
                ),
                (
                    "stripe_invoice_id",
                    quickscale_billing.fields.StripeIdField(
                        max_length=255, null=True, unique=True, verbose_name="invoice at Stripe"
                    ),
                ),
                ("hosted_url", models.TextField(blank=True, default="", verbose_name="page at Stripe")),
                ("problem", models.TextField(blank=True, default="", verbose_name="problem")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended at")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="top_ups",
                        to="quickscale_credits.creditaccount",
                        verbose_name="account",
                    ),
                ),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="quickscale_billing.creditpack",
                        verbose_name="pack",
                    ),
                ),
                (
                    "purchase",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="top_up",
                        to="quickscale_billing.purchase",
                        verbose_name="purchase",
                    ),
                ),
            ],
            options={
                "verbose_name": "top-up",
                "verbose_name_plural": "top-ups",
                "ordering": ["-created_at"],
                "indexes": [models.Index(fields=["account", "-created_at"], name="billing_topup_history")],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "is_pending"), name="billing_topup_one_pending"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("is_pending", True), ("status__in", ["requested", "needs_action"])),
                            models.Q(("is_pending__isnull", True), ("status__in", ["paid", "declined", "canceled"])),
                            _connector="OR",
                        ),
                        name="billing_topup_pending_or_ended",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gte", 0)), name="billing_topup_amount_not_negative"
                    ),
                ],
            },
        ),
    ]
