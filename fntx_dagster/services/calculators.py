"""Calculators: cases in one JSON document, a result or an error for each, in one other; nothing else is read.

A calculator is a pure function from one case to its result. Here lies what all of them do alike: how the document is
read, how a case that is refused is reported, how a field of a case is taken. What a case means is beside the subject.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple, NoReturn, TypeVar

from fntx_dagster.errors import Permanent

Case = dict[str, Any]
Calculate = Callable[[Case], Mapping[str, Any]]
_T = TypeVar("_T")

MOST_BYTES = 64_000_000


class CaseRefused(Permanent):
    """One case has no result. `code` is one word for programs; the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Answers(NamedTuple):
    """What a calculator prints. `refused`: the document was a single case, and has an error."""

    document: dict[str, Any]
    refused: bool


def read_document(stream: BinaryIO) -> bytes:
    """The bytes of a file of cases. Permanent for more than 64 MB."""
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Permanent(f"the file has more than {MOST_BYTES} bytes", "Split its cases over several files")
    return content


def parsed(content: bytes) -> Any:
    """The document of a file. Permanent unless it is JSON in UTF-8: NaN and Infinity are not.

    An object that has a name twice is kept as such, and `results` refuses the case that it belongs to.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "it is not JSON in UTF-8"
        raise Permanent(f"the file cannot be read: {reason}", 'Write one case, or {"cases": [...]}, as JSON') from None


def results(
    document: Any, calculate: Calculate, repeated: Callable[[Case, str], Mapping[str, Any]] | None = None
) -> Answers:
    """Each case with its result or its error, in order: `{"results": [...]}` for `{"cases": [...]}`, and for a single
    object its result, or `{"error": ...}`. Permanent for a document that is neither.

    `calculate` raises `CaseRefused` with the code of the refusal; any other `Permanent` has the code `invalid`, and
    what Python raises for a field of another type `malformed`. `repeated` answers for a case in which a name is twice,
    given that name; left out, the error is `duplicate_name`.
    """
    if not isinstance(document, dict) or (isinstance(document, _Repeated) and "cases" in document):
        raise Permanent("the file holds neither one case nor one list of cases", 'Write one case, or {"cases": [...]}')
    if "cases" not in document:
        answer = _answer(document, calculate, repeated)
        return Answers(dict(answer["result"]) if "result" in answer else answer, "error" in answer)
    if type(document["cases"]) is not list:
        raise Permanent("cases is not a list", 'Write {"cases": [...]}')
    answers = [{"id": _id(case)} | _answer(case, calculate, repeated) for case in document["cases"]]
    return Answers({"results": answers}, refused=False)


def by_kind(calculators: Mapping[str, Calculate]) -> Calculate:
    """The calculator that the field `kind` of a case names."""

    def calculate(case: Case) -> Mapping[str, Any]:
        kind = case.get("kind")
        if type(kind) is not str or kind not in calculators:
            raise CaseRefused("unknown_kind", f"kind has to be {' or '.join(calculators)}")
        return calculators[kind](case)

    return calculate


def field(case: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    """A field of a case, of exactly this type of JSON: `str`, `int`, `list`, `dict`, `bool`. CaseRefused otherwise."""
    if name not in case:
        raise CaseRefused("missing_field", f"{name} is missing")
    value = case[name]
    if type(value) is not kind:
        raise CaseRefused("wrong_type", f"{name} is not {_TYPES.get(kind, kind.__name__)}")
    return value


_TYPES = {str: "a text", int: "a whole number", list: "a list", dict: "an object", bool: "true or false"}


class _Repeated(dict[str, Any]):
    """An object of JSON that has the name `twice` more than once."""

    twice = ""


def _object(pairs: list[tuple[str, Any]]) -> Case:
    content = dict(pairs)
    if len(content) == len(pairs):
        return content
    seen: set[str] = set()
    repeated = _Repeated(content)
    repeated.twice = next(name for name, _ in pairs if name in seen or seen.add(name))
    return repeated


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _id(case: Any) -> Any:
    name = case.get("id") if isinstance(case, dict) else None
    return name if type(name) in (str, int) else None


def _answer(
    case: Any, calculate: Calculate, repeated: Callable[[Case, str], Mapping[str, Any]] | None
) -> dict[str, Any]:
    if not isinstance(case, dict):
        return _error("malformed", "the case is not an object")
    try:
        if (twice := _twice(case)) is None:
            return {"result": calculate(case)}
        if repeated is not None:
            return {"result": repeated(case, twice)}
        return _error("duplicate_name", f"the name {twice!r} stands twice in one object")
    except CaseRefused as error:
        return _error(error.code, error.message)
    except Permanent as error:
        return _error("invalid", error.message)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        # A batch is answered to its end: a field that nobody looked at must not cost the other cases their results.
        return _error("malformed", f"the case is not of its form: {type(error).__name__}")


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _twice(value: Any) -> str | None:
    """A name that stands twice in one object, anywhere in the value."""
    waiting = [value]
    while waiting:
        at = waiting.pop()
        if isinstance(at, _Repeated):
            return at.twice
        if isinstance(at, dict):
            waiting.extend(at.values())
        elif isinstance(at, list):
            waiting.extend(at)
    return None
