"""From structures on disk to a data store: sources, curation, clusters, splits, build, verification."""
