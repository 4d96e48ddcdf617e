"""What would be hooked in a script: guessed from its text by the rules that find the parts of a living trainer."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from _llm_telemetry_autostart import HTTP, SDKS
from llm_telemetry.doctor.classes import Class, Classes, Function
from llm_telemetry.doctor.findings import Finding, format_count, show_path
from llm_telemetry.doctor.program import MAIN, Program, dotted_name
from llm_telemetry.trainers import by_shape as grpo
from llm_telemetry.trainers import judges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llm_telemetry.doctor.case import Case
    from llm_telemetry.trainers.by_shape import Shape

_SETTING = re.compile(
    r"size|count|num|steps|config|cfg|max|min|timeout|path|dir|log|stats|history|time|weight|scale|^n_"
)
"""Names of attributes that only count or configure what they are named after."""
_CLIENTS = (*SDKS, "litellm", *HTTP)
"""LiteLLM calls through the others."""
_LAUNCH = "llm-telemetry run train.py, or instrument(trainer)"
_NAME_IT = 'LLM_TELEMETRY_TRAINER=module:Class.method names it; or instrument(trainer, step="method")'


class Guess(NamedTuple):
    """A part of a trainer, as far as the text tells."""

    what: str
    sure: bool
    owner: Class | None = None
    """The class of the object that it is a method of."""


def check_hooks(case: Case) -> list[Finding]:
    """Tell which classes of the script would be watched, and by what; nothing of it is executed."""
    if case.script is None:
        return [Finding(None, "name the script to see what would be hooked: llm-telemetry doctor train.py")]
    try:
        program = case.program
    except OSError as error:
        return [Finding(False, f"{show_path(case.script)} cannot be read: {error.strerror}", "check the path")]
    except (SyntaxError, ValueError) as error:
        return [Finding(False, f"{show_path(case.script)} cannot be parsed: {error}", "python itself will not run it")]
    assert program is not None
    return [*_check_imports(program), *_check_trainers(program, case)]


def _check_imports(program: Program) -> list[Finding]:
    read = format_count(len(program.modules) - 1, "local module")
    findings = [Finding(None, f"read, not run: {program.main.path.name} and {read}")]
    findings += [Finding(None, f"cannot tell: {what}") for what in dict.fromkeys(program.unread)]
    findings.append(_check_clients(program))
    if "wandb" not in program.libraries:
        findings.append(Finding(None, "wandb is not imported here: without a run, payloads go to the JSONL alone"))
    return findings


def _check_clients(program: Program) -> Finding:
    """Say which of the libraries that LLM calls go through the script imports."""
    here = [library for library in _CLIENTS if library in program.libraries]
    if here:
        verb, them = ("is", "it") if len(here) == 1 else ("are", "them")
        return Finding(True, f"{', '.join(here)} {verb} imported: LLM calls through {them} are seen")
    listed = f"{', '.join((*SDKS, *HTTP)[:-1])} and {HTTP[-1]}"
    return Finding(None, f"no LLM client is imported here: what a library calls through {listed} is seen")


def _check_trainers(program: Program, case: Case) -> list[Finding]:
    classes = Classes(program)
    named, findings = _find_named(case, program, classes)
    calls = [place for module in program.modules.values() for place in _instrument_calls(program, module.name)]
    findings += [
        Finding(None, f"{place} calls instrument(): what it is told there wins over the guess") for place in calls
    ]
    trainers = [cls for cls in classes.by_name.values() if cls in named or _step_of(cls)]
    lookalikes = [cls for cls in trainers if cls not in named and not _has_parts(cls, classes)]
    for cls in trainers:
        if cls not in lookalikes:
            findings += _describe(cls, classes, named.get(cls))
    findings += _check_places([cls for cls in trainers if cls not in lookalikes])
    helped = bool(calls) or len(lookalikes) < len(trainers)
    findings += [_lookalike(cls, helped=helped) for cls in lookalikes]
    if not trainers and not calls:
        findings.append(_nothing(program, classes))
    return findings


def _find_named(case: Case, program: Program, classes: Classes) -> tuple[dict[Class, str | None], list[Finding]]:
    """Return the classes that LLM_TELEMETRY_TRAINER names, with their step if it names that too."""
    named: dict[Class, str | None] = {}
    findings = []
    for module, path in case.targets:
        cls = classes.by_name.get(f"{module}.{path}")
        owner = classes.by_name.get(f"{module}.{path.rpartition('.')[0]}")
        if cls is not None:
            named[cls] = None
        elif owner is not None and path.rpartition(".")[2] in owner.methods():
            named[owner] = path.rpartition(".")[2]
        elif module in program.modules:
            findings.append(
                Finding(False, f"LLM_TELEMETRY_TRAINER: there is no {path} in {module}", "correct the name")
            )
        else:
            findings.append(
                Finding(None, f"cannot tell: {module}, of LLM_TELEMETRY_TRAINER, is not among the files read")
            )
    return named, findings


def _instrument_calls(program: Program, name: str) -> Iterator[str]:
    module = program.modules[name]
    for node in ast.walk(module.tree):
        target = dotted_name(node.func) if isinstance(node, ast.Call) else None
        if target is not None and program.resolve(module, target) in (
            "llm_telemetry.instrument",
            "llm_telemetry.api.instrument",
        ):
            yield f"{module.path.name}:{node.lineno}"  # type: ignore[attr-defined]


def _step_of(cls: Class) -> str | None:
    """Return the step method: one of the class's own, or of a class that is watched for it."""
    methods = cls.methods()
    return next((name for name in grpo.STEP_METHODS if name in methods), None)


def _has_parts(cls: Class, classes: Classes) -> bool:
    return any(find_part(cls, kind, classes) for kind in (grpo.EXECUTOR, grpo.REWARD))


def _describe(cls: Class, classes: Classes, named_step: str | None) -> list[Finding]:
    """Say what would be hooked on one trainer."""
    methods = cls.methods()
    steps = [name for name in (named_step or _step_of(cls), *grpo.VALIDATION_METHODS) if name in methods]
    findings = [Finding(True, f"{cls.name} ({cls.place}) would be watched: {', '.join(steps[:2])}")]
    executor = find_part(cls, grpo.EXECUTOR, classes)
    reward = find_part(cls, grpo.REWARD, classes)
    findings.append(_part(grpo.EXECUTOR, executor, "executor"))
    findings.append(_part(grpo.REWARD, reward, "reward"))
    if reward is not None:
        findings.append(_judge(reward))
    return findings


def _part(kind: Shape, guess: Guess | None, setting: str) -> Finding:
    if guess is None:
        name_it = f'if there is one, name it: instrument(trainer, {setting}="path.method")'
        return Finding(None, f"  no {kind.what} seen: the payload would lack {kind.absent}", name_it)
    doubt = "" if guess.sure else ", by its name; what it holds is not known before it runs"
    return Finding(True if guess.sure else None, f"  {kind.what}: {guess.what}{doubt}")


def _judge(reward: Guess) -> Finding:
    if reward.owner is None:
        return Finding(None, "  judge: cannot tell; it is looked for on the reward computer when that is known")
    names = [f"{reward.owner.name}.{name}" for name in _judges_on(reward.owner)] or _judges_beside(reward.owner)
    if names:
        return Finding(True, f"  judge: {', '.join(names)}")
    lacks = "a judge's calls would still count as cost, but there would be no judge/… rates"
    name_it = 'name it: instrument(trainer, judge="method"), or mark it: @llm_telemetry.judge'
    return Finding(None, f"  no judge function seen; {lacks}", name_it)


def _judges_on(owner: Class) -> list[str]:
    """Return the judge functions of a reward computer, by the rules for a living one."""
    methods = owner.methods()
    known = next((name for name in judges.KNOWN_NAMES if name in methods), None)
    if known is not None:
        return [known]
    return [name for name, node in methods.items() if judges.sounds_like_judge(name) and _judges_predictions(node)]


def _judges_beside(owner: Class) -> list[str]:
    """Return the judge functions of its module that a reward computer calls by name."""
    methods = owner.methods().values()
    called = {node.id for method in methods for node in ast.walk(method) if isinstance(node, ast.Name)}
    functions = [node for node in owner.module.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [
        node.name
        for node in functions
        if node.name in called and judges.sounds_like_judge(node.name) and _judges_predictions(node)
    ]


def _judges_predictions(node: Function) -> bool:
    gives_text = node.returns is not None and ast.unparse(node.returns).strip("'\"") in ("str", "None")
    return not gives_text and judges.takes_prediction(one.arg for one in (*node.args.args, *node.args.kwonlyargs))


def find_part(cls: Class, kind: Shape, classes: Classes) -> Guess | None:
    """Guess one part: on an attribute with a telling name, by a telling method anywhere, on the trainer itself."""
    attributes = classes.attributes(cls)
    called = {name: held for name, held in attributes.items() if kind.attributes.search(name.lower())}
    telling = kind.methods[: kind.anywhere]
    on = _on(called, kind.methods) or _on(attributes, telling)
    if on is not None:
        return on
    own = next((name for name in telling if name in cls.methods()), None)
    if own is not None:
        return Guess(f"{cls.name}.{own}, its own", sure=True, owner=cls)
    by_name = next((name for name, held in called.items() if held is None and not _SETTING.search(name.lower())), None)
    return None if by_name is None else Guess(f"self.{by_name}", sure=False)


def _on(attributes: dict[str, Class | None], methods: Sequence[str]) -> Guess | None:
    for method in methods:
        for name, held in attributes.items():
            if held is not None and method in held.methods():
                return Guess(f"self.{name}, {held.name}.{method}", sure=True, owner=held)
    return None


def _check_places(trainers: Sequence[Class]) -> list[Finding]:
    """Say where finding a class is not a matter of course."""
    findings = []
    inside = [cls.name for cls in trainers if cls.inside_function]
    if inside:
        what = f"{', '.join(inside)}: made inside of a function, where LLM_TELEMETRY=1 alone does not see it"
        findings.append(Finding(None, what, _LAUNCH))
    main = [cls.name for cls in trainers if cls.module.name == MAIN and not cls.inside_function]
    if main:
        what = f"{', '.join(main)}: in the main file, and seen when the first LLM client is made"
        findings.append(Finding(None, what, f"if clients are made only inside of steps: {_LAUNCH}"))
    return findings


def _lookalike(cls: Class, *, helped: bool) -> Finding:
    what = f"{cls.name} ({cls.place}) has {_step_of(cls)}, but no executor and no reward computer is seen on it"
    name_it = _LAUNCH if cls.inside_function else f"LLM_TELEMETRY_TRAINER={cls.module.name}:{cls.name}"
    return Finding(None if helped else False, what, f"if it is your trainer: {name_it}")


def _nothing(program: Program, classes: Classes) -> Finding:
    """Say that no trainer was found, and what may be the reason."""
    heirs = [(cls, base) for cls in classes.by_name.values() for base in cls.foreign if "train" in base.lower()]
    if heirs:
        cls, base = heirs[0]
        what = f"cannot tell: {cls.name} ({cls.place}) has its step from {base}, which is not read"
        return Finding(None, what, f"LLM_TELEMETRY_TRAINER={cls.module.name}:{cls.name}")
    read = format_count(len(program.modules), "file")
    return Finding(False, f"no class with a method {' or '.join(grpo.STEP_METHODS)} in {read}", _NAME_IT)
