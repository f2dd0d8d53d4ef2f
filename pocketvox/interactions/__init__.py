"""Rule-based interaction detection: definitions, chemistry of both sides, geometry."""

from pocketvox.interactions.detect import Interactions, find_interactions

__all__ = ["Interactions", "find_interactions"]
