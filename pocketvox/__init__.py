"""pocketvox: typed interaction maps of binding pockets from protein structures."""
