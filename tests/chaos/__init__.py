"""Kill, cut and flush under load; then the invariants."""
