"""Kinds of files that no image of a service needs, whatever the service."""

from careen.ignorefile.causes import Cause

BALLAST = frozenset(
    {
        Cause.VERSION_CONTROL,
        Cause.VIRTUAL_ENVIRONMENT,
        Cause.NODE_MODULES,
        Cause.CACHES,
        Cause.SECRETS,
        Cause.NOTEBOOKS,
        Cause.TESTS,
        Cause.LOGS,
        Cause.EDITOR,
    }
)
"""Data, pictures and documents are left out: an application may well serve them."""
