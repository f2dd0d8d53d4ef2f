"""Declared chemistry: which atoms can take part in which interaction, and where."""
