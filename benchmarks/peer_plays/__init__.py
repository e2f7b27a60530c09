"""The same no-op job in each peer's own words. Each module runs in its peer's environment and imports that peer only.

`python -m benchmarks.peer_plays.<module> COUNT` fills the peer's queue; the peer's own command starts its worker.
"""
