"""The pages that Stripe hosts, and a panel to steer the simulator with."""
