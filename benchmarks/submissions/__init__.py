"""Submissions: made by running a method, checked, read."""
