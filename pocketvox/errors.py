"""The exceptions pocketvox raises on purpose.

Every message says what was expected, what was received and what to do. The command line turns
:class:`InputError` into exit code 1 and :class:`UsageError` into exit code 2.
"""


class PocketvoxError(Exception):
    """Base of every error raised on purpose."""


class InputError(PocketvoxError):
    """A file, id or value given by the user cannot be used."""


class StructureError(InputError):
    """A structure file cannot be read, or holds nothing to work on."""


class LigandError(InputError):
    """A ligand's chemistry cannot be established, or its file does not fit."""


class SelectionError(InputError):
    """A selector matches nothing in the structure."""


class OutputError(InputError):
    """A result cannot be written where it was asked for."""


class DownloadError(InputError):
    """An entry cannot be fetched."""


class ConfigError(InputError):
    """A configuration or preset is malformed, incomplete or inconsistent."""


class UsageError(PocketvoxError):
    """Options that contradict each other or have impossible values."""


class MissingExtraError(PocketvoxError):
    """An optional dependency is needed and absent; the message holds the command that installs it."""
