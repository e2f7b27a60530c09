"""Crash tests over anybody's actors: each crash point x each scene, on real servers (docs/testing.md)."""
