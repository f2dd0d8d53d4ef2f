"""The leaderboard: tables and a page with plots, made from the results."""
