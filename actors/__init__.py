"""What runs. Imports nothing: `actors.broker.setup` binds the broker before any family is imported."""
