"""Datasets: the store on disk, and the samples drawn from it."""

from pocketvox.data.batches import UNKNOWN, Sampler
from pocketvox.data.store import Store, StoreItem, create_store, read_item, write_item

__all__ = ["UNKNOWN", "Sampler", "Store", "StoreItem", "create_store", "read_item", "write_item"]
