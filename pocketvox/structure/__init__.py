"""Reading structures: files and ids in, :class:`Structure` and :class:`Complex` out."""
