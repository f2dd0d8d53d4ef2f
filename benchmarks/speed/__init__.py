"""How fast pocketvox is, beside other programs in the same run: ``python -m benchmarks.speed -o speed.json``.

Every part is a module with ``measure(args) -> list[dict]``, rows of :func:`benchmarks.speed.rows.row`, and perhaps
``add_arguments(parser)`` for options of its own and ``OPTIONS``, those to show beside its figures; ``PARTS`` in
``benchmarks/speed/__main__.py`` lists them.
"""
