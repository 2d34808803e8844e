"""What keeping only touched files has saved, or why it was not done."""

from typing import TYPE_CHECKING

from careen.app.tracing import Traced
from careen.text.units import format_bytes

if TYPE_CHECKING:
    from rich.console import Console

Json = dict[str, object]


def traced_sentence(traced: Traced) -> str:
    if traced.refused:
        return f"Files that the proof did not touch stay: {traced.refused}"
    return (
        f"Without the files that the proof did not touch, a host holds {format_bytes(traced.build.unique_bytes)} "
        f"instead of {format_bytes(traced.whole.unique_bytes)}, and the proof passes again."
    )


def traced_rows(traced: Traced) -> list[tuple[str, ...]]:
    """Service, bytes of its whole image, bytes of the one that stays."""
    return [
        (image.service, format_bytes(image.bytes), format_bytes(traced.build.image(image.service).bytes))
        for image in traced.whole.images
    ]


def traced_document(traced: Traced) -> Json:
    return {
        "kept": not traced.refused,
        "reason": traced.refused or None,
        "stack": {"whole_bytes": traced.whole.unique_bytes, "unique_bytes": traced.build.unique_bytes},
        "services": [
            {
                "service": image.service,
                "whole_bytes": image.bytes,
                "bytes": traced.build.image(image.service).bytes,
                "files": len(trace.paths),
            }
            for image, trace in sorted(
                (
                    (image, trace)
                    for image in traced.whole.images
                    for trace in traced.watched.traces
                    if trace.service == image.service
                ),
                key=lambda pair: pair[0].service,
            )
        ],
    }


def show_traced(console: "Console", traced: Traced) -> None:
    from rich.markup import escape  # noqa: PLC0415 - only where a terminal is written to

    word = "yellow" if traced.refused else "green"
    console.print(f"[{word}]{escape(traced_sentence(traced))}[/]", soft_wrap=True)
    for service, whole, now in traced_rows(traced):
        console.print(f"  {escape(service)}: {whole} -> {now}")
