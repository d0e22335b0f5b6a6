"""The written table of who reaches what of a team: how each route answers to GET and to POST, person by person."""

PEOPLE = ("visitor", "outsider", "member", "administrator", "staff")

# An outsider administers another team; the staff belong to none. Where a route names a row, it is one of the team's.
GET = {
    "302 200 200 200 200": "teams:found teams:accept",
    "302 200 200 200 302": "teams:team",
    "405 405 405 405 405": """
        teams:switch teams:invite teams:withdraw teams:remove teams:promote teams:limit quickscale_billing:cancel
        quickscale_billing:resume quickscale_billing:portal quickscale_billing:stop_top_up
        quickscale_billing:add_payment_method""",
    "302 200 200 200 403": """
        dashboard quickscale_credits:credits quickscale_credits:history_csv quickscale_credits:redeem
        quickscale_services:runs quickscale_services:keys quickscale_billing:subscription quickscale_billing:history
        quickscale_billing:history_csv quickscale_billing:timeline quickscale_billing:payment_methods
        quickscale_billing:top_up""",
    # Without the id of a session; and without a subscription that could be changed.
    "302 404 404 404 403": "quickscale_billing:success quickscale_billing:payment_method_added",
    "302 302 302 302 403": "quickscale_billing:change",
    "401 200 200 200 403": "quickscale_api:account quickscale_api:entries quickscale_api:runs quickscale_api:services",
    "302 403 403 403 200": "staff",
    "302 302 302 302 200": """
        admin:teams_organization_changelist admin:teams_organization_add admin:teams_organization_change
        admin:teams_organization_delete admin:teams_organization_history quickscale_analytics:dashboard""",
}
# With nothing in the form. Whatever the answer, an outsider changes nothing; 302 leads to the page that says so.
POST = {
    "405 405 405 405 405": "teams:team",
    "302 200 200 200 200": "teams:found",
    "302 404 404 404 404": "teams:switch teams:accept",
    "302 422 403 422 302": "teams:invite",
    "302 302 403 302 302": "teams:withdraw teams:promote teams:limit",
    "302 302 302 302 302": "teams:remove",
    # Members see what is bought, administrators buy.
    "302 302 403 302 403": """
        quickscale_billing:cancel quickscale_billing:resume quickscale_billing:change quickscale_billing:stop_top_up""",
    "302 422 403 422 403": "quickscale_billing:top_up",
    "302 404 403 404 403": """
        quickscale_billing:portal quickscale_billing:default_payment_method quickscale_billing:remove_payment_method""",
    "302 422 422 422 403": "quickscale_credits:redeem quickscale_services:keys",
    "302 302 302 302 200": """
        admin:teams_organization_changelist admin:teams_organization_add admin:teams_organization_change
        admin:teams_organization_delete admin:teams_organization_history""",
}


def written(answers):
    return {route: codes for codes, routes in answers.items() for route in routes.split()}
