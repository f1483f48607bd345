"""Further questions of a survey: how they are written down, and which answers fit them.

A question has a name and a text, and either a scale, or choices, or nothing more: then it is answered in free words::

    {
        "speed": {"question": "How fast were we?", "low": 1, "high": 5},
        "again": {"question": "Would you come back?", "choices": ["yes", "perhaps", "no"]},
        "wish": {"question": "What should we do better?"},
    }
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from crmkit.errors import InvalidInput
from crmkit.kernel.text import nearest, shown

FORMS: Final = (frozenset({"question"}), frozenset({"question", "low", "high"}), frozenset({"question", "choices"}))
LONGEST: Final = 10_000


def check_questions(survey: str, questions: Mapping[str, Any]) -> None:
    """Refuse questions that nobody could answer.

    Raises:
        InvalidInput: a question has no text, a reversed scale, or less than two choices.
    """
    for name, spec in questions.items():
        where = f"survey {survey!r}, question {name!r}"
        if not isinstance(spec, Mapping) or spec.keys() not in FORMS:
            raise InvalidInput(
                f"{where} has question=, and low= with high=, or choices=, or nothing more; got {spec!r}"
            )
        if not isinstance(spec["question"], str) or not spec["question"].strip():
            raise InvalidInput(f"{where} needs a text, got {shown(spec['question'])}")
        if "low" in spec and not (type(spec["low"]) is type(spec["high"]) is int and spec["low"] < spec["high"]):
            raise InvalidInput(
                f"{where}: the scale goes from a lower whole number up, not {spec['low']} to {spec['high']}"
            )
        if "choices" in spec:
            choices = list(spec["choices"]) if isinstance(spec["choices"], (list, tuple)) else []
            if len(choices) < 2 or len(set(map(str, choices))) < len(choices):
                raise InvalidInput(f"{where} needs two or more different choices, got {shown(spec['choices'])}")


def check_answers(survey: str, questions: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
    """Refuse answers that don't fit; a question may be left out.

    Raises:
        InvalidInput: there is no such question, or the answer is none of those that it allows.

    Example:
        >>> check_answers("visit", {"again": {"question": "Again?", "choices": ["yes", "no"]}}, {"again": "maybe"})
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: 'visit', question 'again': the answer is one of 'yes', 'no', got 'maybe'
    """
    for name, answer in answers.items():
        if name not in questions:
            near = nearest(name, questions)
            raise InvalidInput(f"{survey!r} has no question {name!r}" + (f", did you mean {near!r}?" if near else ""))
        spec = questions[name]
        where = f"{survey!r}, question {name!r}: the answer is"
        if "low" in spec:
            if type(answer) is not int or not spec["low"] <= answer <= spec["high"]:
                raise InvalidInput(f"{where} a whole number from {spec['low']} to {spec['high']}, got {shown(answer)}")
        elif "choices" in spec:
            if answer not in spec["choices"]:
                raise InvalidInput(f"{where} one of {', '.join(map(repr, spec['choices']))}, got {shown(answer)}")
        elif not isinstance(answer, str) or len(answer) > LONGEST:
            raise InvalidInput(f"{where} a text of up to {LONGEST} characters, got {shown(answer)}")
