from django.urls import path

from quickscale_billing.views import catalog, checkout, history, payment_methods, subscription, top_up

app_name = "quickscale_billing"

urlpatterns = [
    path("", catalog.pricing, name="pricing"),
    path("plans/<slug:slug>/", catalog.plan, name="plan"),
    path("packs/", catalog.packs, name="packs"),
    path("packs/<slug:slug>/", catalog.pack, name="pack"),
    path("checkout/success/", checkout.success, name="success"),
    path("checkout/canceled/", checkout.canceled, name="canceled"),
    path("buy/<slug:slug>/", checkout.buy, name="buy"),
    path("subscription/", subscription.page, name="subscription"),
    path("subscription/change/", subscription.change, name="change"),
    path("subscription/cancel/", subscription.cancel, name="cancel"),
    path("subscription/resume/", subscription.resume, name="resume"),
    path("payment-methods/", payment_methods.page, name="payment_methods"),
    path("payment-methods/add/", payment_methods.add, name="add_payment_method"),
    path("payment-methods/added/", payment_methods.added, name="payment_method_added"),
    path("payment-methods/default/", payment_methods.set_default, name="default_payment_method"),
    path("payment-methods/remove/", payment_methods.remove, name="remove_payment_method"),
    path("payment-methods/portal/", payment_methods.portal, name="portal"),
    path("top-up/", top_up.page, name="top_up"),
    path("top-up/off/", top_up.stop, name="stop_top_up"),
    path("history/", history.page, name="history"),
    path("history.csv", history.statement_csv, name="history_csv"),
    path("receipts/<int:pk>.pdf", history.receipt, name="receipt"),
    path("timeline/", history.timeline, name="timeline"),
]
