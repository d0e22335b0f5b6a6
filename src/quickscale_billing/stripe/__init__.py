"""Everything that speaks Stripe: no other module of this app imports `stripe` or `djstripe`."""
