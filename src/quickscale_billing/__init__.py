"""Credits that are sold through Stripe: packs, plans with refills, checkout and all that comes after."""
