"""The written table of who reaches what in the example: for each route, how it answers to GET, role by role."""

ROLES = ("visitor", "customer", "support", "billing", "analyst", "admin")

# 302 leads to the login, or to where the role belongs; 405 is of what is posted to, 401 asks for a key.
#  visitor customer support billing analyst admin
ANSWERS = {
    "200 200 200 200 200 200": """
        home about contact:write contact:thanks quickscale_api:openapi quickscale_api:docs
        quickscale_services:list quickscale_services:detail
        quickscale_billing:pricing quickscale_billing:plan quickscale_billing:packs quickscale_billing:pack
        quickscale_billing:canceled
        account_inactive account_email_verification_sent account_confirm_email account_reset_password
        account_reset_password_done account_reset_password_from_key_done""",
    "200 302 302 302 302 302": "account_login account_signup",
    "302 302 302 302 302 302": """
        account_confirm_login_code account_confirm_reauthentication_code account_set_password
        account_reset_password_from_key quickscale_billing:buy""",
    "302 200 200 200 200 200": """
        dashboard notices:list profile usersessions_list account_email account_change_password account_reauthenticate
        account_logout quickscale_services:runs quickscale_services:keys quickscale_billing:subscription
        quickscale_billing:payment_methods quickscale_billing:top_up quickscale_billing:history
        quickscale_billing:history_csv quickscale_billing:timeline quickscale_credits:credits
        quickscale_credits:history_csv quickscale_credits:redeem""",
    # What is the customer's alone.
    "302 200 404 404 404 404": "quickscale_services:run quickscale_billing:receipt",
    "401 200 404 404 404 404": "quickscale_api:one_run",
    "302 404 302 302 302 302": "quickscale_billing:change",
    # Without the id of a session.
    "302 404 404 404 404 404": "quickscale_billing:success quickscale_billing:payment_method_added",
    "401 200 200 200 200 200": """
        quickscale_api:services quickscale_api:service quickscale_api:runs quickscale_api:account
        quickscale_api:entries""",
    "405 405 405 405 405 405": """
        quickscale_api:run quickscale_api:estimate quickscale_api:cancel_run quickscale_services:cancel_run
        quickscale_services:rotate_key quickscale_services:revoke_key quickscale_billing:cancel
        quickscale_billing:resume quickscale_billing:add_payment_method quickscale_billing:default_payment_method
        quickscale_billing:remove_payment_method quickscale_billing:portal quickscale_billing:stop_top_up
        djstripe:djstripe_webhook_by_uuid""",
    "302 405 405 405 405 405": "notices:mark_read",
    # To a verified address.
    "302 200 302 302 302 302": "account_request_reauthentication_code",
    "302 403 200 200 200 200": "staff",
    "200 200 302 302 302 302": "admin:login",
    "302 302 200 200 200 200": "admin:index admin:password_change admin:password_change_done admin:jsi18n",
    "302 302 405 405 405 405": "admin:logout",
    # Of no field, and of no object.
    "302 302 403 403 403 403": "admin:autocomplete",
    "302 302 404 404 404 404": "admin:view_on_site",
    # Figures, and what moves money.
    "302 302 403 200 200 200": """
        quickscale_analytics:dashboard quickscale_analytics:panel quickscale_analytics:csv quickscale_analytics:json
        admin:quickscale_services_usage""",
    "302 302 200 200 403 200": """
        admin:quickscale_billing_health admin:quickscale_billing_payment_investigate
        admin:quickscale_services_servicerun_credit_back""",
    "302 302 403 200 403 200": """
        admin:quickscale_credits_creditaccount_give admin:quickscale_billing_payment_refund
        admin:quickscale_billing_reconcile""",
    "302 302 403 403 403 200": "admin:auth_user_password_change",
}

NOBODY, SEE, ALTER, ALL = "", "view", "view add change", "view add change delete"
TAKE = "view export"
# Of the admin: what support, billing and administrators may do with its rows. Analysts open none of them.
READ_ONLY = (SEE, TAKE, TAKE)
MODELS = {
    "quickscale_credits_creditaccount": READ_ONLY,
    "quickscale_credits_creditgrant": READ_ONLY,
    "quickscale_credits_hold": READ_ONLY,
    "quickscale_credits_ledgerentry": READ_ONLY,
    # One that was redeemed, which nobody deletes.
    "quickscale_credits_redeemcode": (SEE, f"{ALTER} export", f"{ALTER} export"),
    "quickscale_credits_redemption": READ_ONLY,
    "quickscale_credits_allocation": (NOBODY, NOBODY, SEE),
    "quickscale_credits_spendinglimit": (SEE, SEE, ALL),
    "quickscale_services_apikey": (NOBODY, NOBODY, SEE),
    "quickscale_services_ratecard": (NOBODY, NOBODY, ALTER),
    "quickscale_services_service": (NOBODY, NOBODY, "view change"),
    "quickscale_services_servicerun": READ_ONLY,
    # What is sold is written in a file.
    "quickscale_billing_plan": (SEE, SEE, SEE),
    "quickscale_billing_creditpack": (SEE, SEE, SEE),
    "quickscale_billing_inboxitem": READ_ONLY,
    "quickscale_billing_fact": READ_ONLY,
    "quickscale_billing_purchase": READ_ONLY,
    "quickscale_billing_plansubscription": READ_ONLY,
    "quickscale_billing_mail": READ_ONLY,
    "quickscale_billing_invoice": READ_ONLY,
    "quickscale_billing_payment": READ_ONLY,
    "quickscale_billing_refund": READ_ONLY,
    "quickscale_billing_dispute": READ_ONLY,
    "quickscale_billing_autotopup": READ_ONLY,
    "quickscale_billing_topup": READ_ONLY,
    "quickscale_billing_topupconsent": READ_ONLY,
    "accounts_user": (NOBODY, NOBODY, ALL),
    "auth_group": (NOBODY, NOBODY, ALL),
    "account_emailaddress": (NOBODY, NOBODY, ALL),
    "usersessions_usersession": (NOBODY, NOBODY, ALL),
    "django_tasks_database_dbtaskresult": (NOBODY, NOBODY, SEE),
}
# Which of these a page of the admin asks for.
ASKED = {
    "changelist": "view",
    "change": "view",
    "history": "view",
    "add": "add",
    "delete": "delete",
    "export": "export",
}


def table():
    """The answers of each route, as one line in the order of `ROLES`."""
    written = {route: answers for answers, routes in ANSWERS.items() for route in routes.split()}
    for model, rights in MODELS.items():
        for page, asked in ASKED.items():
            support, billing, admin = ("200" if asked in right.split() else "403" for right in rights)
            written[f"admin:{model}_{page}"] = f"302 302 {support} {billing} 403 {admin}"
        if "export" not in rights[-1]:
            del written[f"admin:{model}_export"]  # it has no such page
    return written
