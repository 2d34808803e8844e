"""The time that files of an image carry when nobody says otherwise."""

DEFAULT_EPOCH = 315_532_800
"""1980-01-01, where zip archives begin to count; any constant would do."""
