"""A gate's decision in words: the effect first, then the reasons with the evidence that they read."""

from __future__ import annotations

from ..core.nouns import Decision, Obligation
from .figures import plain, short
from .words import clean


def text(decision: Decision) -> str:
    """The decision for a terminal; nothing in it can steer one."""
    request = decision.request
    asked = f"{request.principal.name} may {'' if decision.allowed else 'not '}{request.action} {request.subject.name}"
    lines = [f"{decision.effect.upper()} {clean(asked)} ({clean(short(request.subject.digest))})"]
    for reason in decision.reasons:
        lines.append(f"  {clean(reason.rule)}: {clean(reason.message)}")
        lines += [f"      evidence {clean(digest)}" for digest in reason.evidence]
    lines += [f"  on condition: {_obligation(one)}" for one in decision.obligations]
    return "\n".join([*lines, f"  policy {clean(decision.policy)}, asked at {clean(request.context.time)}"]) + "\n"


def _obligation(one: Obligation) -> str:
    return clean(f"{one.name}({', '.join(plain(a) for a in one.arguments)})")
