"""What services do; apart from the plan's other values, since judging needs no more than this."""

from enum import StrEnum


class Role(StrEnum):
    """What a service does in the stack, from its entry point."""

    WEB = "web"
    WORKER = "worker"
    BEAT = "beat"
    FLOWER = "flower"
    OTHER = "other"
