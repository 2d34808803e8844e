"""What a service's image weighs today and what careening saves of it, in words: instructions that nobody can weigh make
it a lower bound.
"""

from careen.plan.target import ServicePlan
from careen.text.units import format_bytes


def today_words(service: ServicePlan) -> str:
    known = service.current_predicted_bytes
    if known is None:
        return "?"
    return format_bytes(known) if _is_whole(service) else f"≥ {format_bytes(known)}"


def saved_words(service: ServicePlan) -> str:
    """Empty where nobody can tell."""
    today, careened = service.current_predicted_bytes, service.predicted_bytes
    if not today or careened is None:
        return ""
    saved = f"{100 - careened * 100 / today:.0f} %"
    if _is_whole(service):
        return saved
    return f"≥ {saved}" if careened < today else ""


def _is_whole(service: ServicePlan) -> bool:
    return all(item.bytes is not None for item in service.current_contributions)
