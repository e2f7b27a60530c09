"""Actors of somebody's own: each module is copied out of the project and run from its own folder."""
