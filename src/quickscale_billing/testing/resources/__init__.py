"""One module for each family of Stripe's objects: what its operations accept, do and answer."""
