"""Secrets in a text: a table of what they look like, each found in linear time, and what looks drawn by lot.

A judge's answer, or the exception of a call, may repeat a key. What a row of the table finds becomes `[scrubbed]`.
In doubt a text stays as it is: forty hex digits are the hash of a commit until a key-like name stands before them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.judging.makes import CLOUDS, MODELS, TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRUBBED = "[scrubbed]"


class Secret(NamedTuple):
    """One kind of secret.

    Every repetition in a pattern is bounded, or the pattern's end: no text makes the search slower than its length.
    """

    what: str
    pattern: re.Pattern[str]
    """What is hidden is the group that has matched, or all of it where there is none."""


_DIGIT = r"""(?=[^\s"'`,;]{0,100}\d)"""
"""Words in prose have no digit in them, keys have."""
_LETTER = r"(?=[\d+/_=-]{0,100}[A-Za-z])"
"""A long number is a number."""
_NOT_YET = r"(?!\[scrubbed\])"
_QUOTE = r"""(?:\\{0,3}["'`])?"""
_IS = rf"{_QUOTE}\s{{0,4}}(?::|=>?)\s{{0,4}}"
_UNQUOTED = r"""[^\s"'`,;&<>{}()\[\]\\]"""
_ANY_VALUE = "|".join(
    (
        rf"\\+[\"']{_NOT_YET}([^\"'\\\n]+)",  # JSON inside of JSON
        rf'"{_NOT_YET}((?:[^"\\\n]|\\.)+)',
        rf"'{_NOT_YET}((?:[^'\\\n]|\\.)+)",
        rf"(?!(?:none|null|true|false)\b)({_UNQUOTED}{{3,}})",
    )
)
_NAMES = (
    r"api[\s_-]?key|(?:access|private|secret|account|signing|encryption)[_-]?key"
    r"|(?:access|auth|refresh|id|bot|api|session)[_-]?token|pass(?:word|wd|phrase)|pwd|secret"
)
_LOOSE_NAMES = r"key|token|secret|passw(?:or)?d|credential|signature|sig|cookie|session"


_TOKEN = re.compile(r"[A-Za-z0-9_+-]{20,}")
_WORDS = re.compile(r"[a-z]{3,}|[A-Z]{4,}")
_RANDOM = 3.5
"""Bits a character of the entropy from which on letters and digits are no words; a random key of 20 has about 4."""
_NAMED = 0.55
"""Share of a token that is words, from where on it is a name in code; a random key has about 0.2."""


def _is_random(token: str) -> bool:
    """Tell what looks drawn by lot from capitals, small letters and digits, as no word, number or hash does."""
    if token.lower() == token or token.upper() == token or not any(map(str.isdigit, token)):
        return False
    counts = Counter(token)
    entropy = -sum(n / len(token) * math.log2(n / len(token)) for n in counts.values())
    return entropy >= _RANDOM and sum(map(len, _WORDS.findall(token))) < _NAMED * len(token)


def _prefixed(*prefixes: str, tail: str, least: int) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(prefixes)}){tail}{{{least},}}")


def _made_by(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    """Return what keys with these beginnings look like: long enough, and with a digit, as words have none."""
    return _prefixed(*map(re.escape, prefixes), tail=rf"{_DIGIT}[\w.~=+/-]", least=16)


SECRETS = (
    Secret(
        "a private key, also one whose end is missing",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[^-]{0,10}-----|\Z)",
            re.DOTALL,
        ),
    ),
    Secret(
        "a private key whose beginning is missing",
        re.compile(r"\A(?:(?!-----BEGIN).)*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY[^-]{0,10}-----", re.DOTALL),
    ),
    Secret("OpenAI, Anthropic, OpenRouter", _prefixed(r"sk-(?=[a-z_-]{0,100}[0-9A-Z])", tail=r"[\w-]", least=16)),
    Secret("Stripe", _prefixed(r"[srp]k_(?:live|test)_", tail=r"[A-Za-z0-9]", least=10)),
    Secret("Hugging Face", _prefixed(r"hf_", r"api_org_", tail=r"[A-Za-z0-9]", least=20)),
    Secret("GitHub", _prefixed(r"gh[pousr]_", r"github_pat_", tail=r"\w", least=20)),
    Secret("GitLab", _prefixed(r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|oas)-", tail=r"[\w.-]", least=16)),
    Secret("Slack", _prefixed(r"xox[a-z]-", r"xapp-", r"hooks\.slack\.com/services/", tail=r"[\w/-]", least=10)),
    Secret("Google", _prefixed(r"AIza", r"GOCSPX-", r"ya29\.", tail=r"[\w-]", least=20)),
    Secret("AWS", _prefixed(r"A(?:KIA|SIA|ROA|IDA|BIA|CCA|GPA|NPA|IPA)", tail=r"[A-Z0-9]", least=16)),
    Secret("W&B", _prefixed(r"wandb_v\d_", r"local-(?=[0-9a-f]{40})", tail=r"[\w-]", least=20)),
    Secret("other servers of models", _made_by(MODELS)),
    Secret("clouds, vaults, databases", _made_by(CLOUDS)),
    Secret("registries, trackers, mail, shops", _made_by(TOOLS)),
    Secret("Telegram", re.compile(r"(?<![A-Za-z0-9])\d{8,10}:A[\w-]{33,}")),
    Secret(
        "Twilio, Mailgun, Mailchimp",
        re.compile(r"(?<![A-Za-z0-9])(?:(?:SK|AC|key-)[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2})(?![A-Za-z0-9])"),
    ),
    Secret("Azure", re.compile(r"(?<![\w~.])[\w~.]{3}\dQ~[\w~.-]{31,34}|\w{76}AZ\w{6}\b")),
    Secret("Airtable", re.compile(r"(?<![A-Za-z0-9])pat\w{14,17}\.\w{64}")),
    Secret("Discord", re.compile(r"(?<![\w-])[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}")),
    Secret("a JSON web token, whole or cut", _prefixed("eyJ", tail=r"[\w.-]", least=16)),
    Secret(
        "a bearer's token",
        re.compile(rf"\bbearer(?:\s|%20){{1,4}}{_QUOTE}({_DIGIT}[\w.~+/=-]{{8,}}|[\w.~+/=-]{{32,}})", re.IGNORECASE),
    ),
    Secret(
        "what authorises a request",
        re.compile(
            rf"authorization{_IS}{_QUOTE}(?:(?:bearer|basic|digest|token|apikey|negotiate|key)\s{{1,4}}"
            rf"{_NOT_YET}({_UNQUOTED}{{4,}})|(aws4-[^\n\"']+)|({_DIGIT}{_UNQUOTED}{{8,}}))",
            re.IGNORECASE,
        ),
    ),
    Secret(
        "the value of a key-like name",
        re.compile(rf"(?:{_NAMES})(?:[_-]\w{{1,20}})?{_IS}(?:{_ANY_VALUE})", re.IGNORECASE),
    ),
    Secret(
        "an argument of a command",
        re.compile(r"--(?:[a-z]{1,20}[_-])?(?:key|token|password|secret)\s{1,4}([^\s\-\[][^\s]{2,})", re.IGNORECASE),
    ),
    Secret(
        "letters and digits after a word that announces them",
        re.compile(
            rf"(?:{_LOOSE_NAMES})s?(?:\s{{1,3}}(?:is|was|provided))?[\s:=\"'`]{{1,6}}({_DIGIT}{_LETTER}[A-Za-z0-9+/_=-]{{20,}})",
            re.IGNORECASE,
        ),
    ),
    Secret("who logs in to an address", re.compile(r"://(?:[^\s/@:]{0,128}:([^\s/]{1,2000})|([^\s/@:]{16,2000}))@")),
)
"""What is looked for; an address without a password, a number, a hash of a commit and prose stay."""


def scrub(text: str, start: int = 0, end: int | None = None) -> str:
    """Return `text` without its secrets.

    Args:
        text: Where secrets are looked for.
        start: Return only what follows this place; a secret that reaches over it is hidden as a whole.
        end: Return only what comes before this place, likewise.
    """
    drawn = [match.span() for match in _TOKEN.finditer(text) if _is_random(match[0])]
    return _without(_known(text) + drawn, text, start, len(text) if end is None else end)


def _without(places: list[tuple[int, int]], text: str, start: int, end: int) -> str:
    kept, position = [], start
    for first, last in _joined(places):
        if last > position and first < end:
            kept += [text[position:first], SCRUBBED]
            position = last
    kept.append(text[position:end])
    return "".join(kept)


LONGEST_NAME = 200
"""Characters of a name that are kept."""


@lru_cache(1024)
def scrub_name(name: str) -> str:
    """Return the name of a model, or of a build, as it may be written: cut to a length, without a known kind of secret.

    What only looks drawn by lot stays: names of versions do.
    """
    return _without(_known(name), name, 0, len(name))[:LONGEST_NAME]


def _known(text: str) -> list[tuple[int, int]]:
    """Return the places of secrets whose form is known."""
    matches = chain.from_iterable(secret.pattern.finditer(text) for secret in SECRETS)
    return [match.span(match.lastindex or 0) for match in matches]


def _joined(places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield places, the first one first; those that overlap are one."""
    place, reach = 0, -1
    for first, last in sorted(places):
        if first >= reach:
            if reach >= 0:
                yield place, reach
            place = first
        reach = max(reach, last)
    if reach >= 0:
        yield place, reach
