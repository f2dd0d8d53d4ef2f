"""The verbs of the command line, one file each: ``add_parser`` declares the arguments, ``run`` does the work.

Nothing heavy is imported before a verb runs.
"""
