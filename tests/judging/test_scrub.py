"""What looks like a key is hidden, wherever it stands; what only looks a little like one stays."""

import base64
import json
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.judging.makes import CLOUDS, MODELS, TOOLS
from llm_telemetry.judging.scrub import SCRUBBED, SECRETS, scrub, scrub_name
from tests.support.growth import assert_linear

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def made(length, alphabet=LETTERS, seed=0):
    """A random text that is nobody's key; no secret stands in this file, not even a false one."""
    dice = random.Random(seed)
    return (
        alphabet[0]
        + dice.choice("Z9f"[: 1 + (alphabet == LETTERS)])
        + "7"
        + "".join(dice.choice(alphabet) for _ in range(length - 3))
    )


def web_token():
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": made(12)})]
    return ".".join([base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts] + [made(43)])


def private_key(kind="RSA "):
    lines = "\n".join(made(64, LETTERS + "+/", seed) for seed in range(12))
    return f"-----BEGIN {kind}PRIVATE " + f"KEY-----\n{lines}\n-----END {kind}PRIVATE " + "KEY-----"


KEYS = {
    "openai": "sk-" + made(48),
    "openai project": "sk-" + "proj-" + made(60, LETTERS + "_-"),
    "anthropic": "sk-" + "ant-api03-" + made(90, LETTERS + "_-"),
    "openrouter": "sk-" + "or-v1-" + made(64, HEX),
    "hugging face": "hf" + "_" + made(34),
    "github": "gh" + "p_" + made(36),
    "github, fine-grained": "github" + "_pat_" + made(22) + "_" + made(59),
    "gitlab": "gl" + "pat-" + made(20),
    "slack": "xo" + "xb-" + made(12, string.digits) + "-" + made(24),
    "google": "AI" + "za" + made(35, LETTERS + "_-"),
    "google oauth": "ya" + "29." + made(60),
    "aws": "AK" + "IA" + made(16, string.ascii_uppercase + string.digits).upper(),
    "wandb": "wandb" + "_v1_" + made(60),
    "groq": "gs" + "k_" + made(52),
    "nvidia": "nv" + "api-" + made(64),
    "web token": web_token(),
    "web token, cut": web_token()[:40],
    "private key": private_key(),
    "openssh key": private_key("OPENSSH "),
    "private key, cut": private_key()[:300],
    "private key, its end": private_key()[200:],
}

FORMS = {
    "alone": "{}",
    "in prose": "The call failed: {} is not valid.",
    "in JSON": '{{"note": "{}"}}',
    "in a list": "['{}', 2]",
    "in an address": "https://api.example.org/v1?x={}&y=2",
    "in brackets": "<key>{}</key>",
}

NAMED = {
    "assignment": "api_key={}",
    "variable": "export WANDB_API_KEY={}",
    "JSON": '{{"correct": true, "api_key": "{}"}}',
    "JSON in JSON": '{{"arguments": "{{\\"api_key\\": \\"{}\\", \\"n\\": 1}}"}}',
    "repr": "{{'apiKey': '{}', 'n': 1}}",
    "YAML": "client_secret: {}",
    "header": "x-api-key: {}",
    "bearer": "Authorization: Bearer {}",
    "bearer in JSON": '{{"Authorization": "Bearer {}"}}',
    "basic": "authorization: Basic {}",
    "bearer alone": "sent bearer {}",
    "aws": "aws_secret_access_key = {}",
    "query": "GET /x?access_token={}&n=1",
    "signature": "?X-Amz-Signature={}",
    "command": "run --api-key {} --n 1",
    "prose": "Incorrect API key provided: {}.",
    "prose, is": "your token is {}",
    "address": "postgres://reader:{}@db.example.org:5432/x",
    "token in an address": "https://{}@example.org/repo.git",
    "connection string": "AccountName=x;AccountKey={};End=1",
}


def is_told(key, text):
    """Whether any eight characters of `key`, beyond its first few, are in `text`."""
    body = key[12:]
    return any(body[i : i + 8] in text for i in range(len(body) - 7))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", KEYS)
def test_keys_of_known_makes_are_hidden_wherever_they_stand(name, form):
    scrubbed = scrub(FORMS[form].format(KEYS[name]))
    assert not is_told(KEYS[name], scrubbed), scrubbed
    assert SCRUBBED in scrubbed


@pytest.mark.parametrize("prefix", [*MODELS, *CLOUDS, *TOOLS])
def test_keys_of_every_make_in_the_table_are_hidden(prefix):
    for alphabet in (LETTERS, HEX):
        key = prefix + made(32, alphabet)
        assert scrub(f"refused: {key}, see the console") == f"refused: {SCRUBBED}, see the console"


OTHERS = {
    "telegram": made(9, string.digits).replace("Z", "1").replace("f", "2") + ":A" + made(34, LETTERS + "_-"),
    "twilio": "SK" + made(32, HEX),
    "mailchimp": made(32, HEX) + "-us12",
    "azure": made(3) + "8Q~" + made(34),
    "airtable": "pat" + made(14) + "." + made(64, HEX),
    "discord": "M" + made(24) + "." + made(6) + "." + made(28),
}


@pytest.mark.parametrize("name", OTHERS)
def test_keys_that_no_beginning_tells_are_hidden(name):
    assert scrub(f"refused: {OTHERS[name]} !") == f"refused: {SCRUBBED} !"


@pytest.mark.parametrize("length", [24, 32, 40, 64])
def test_what_looks_drawn_by_lot_is_hidden_without_any_name(length):
    hidden = sum(SCRUBBED in scrub(f"see {made(length, LETTERS, seed)} there") for seed in range(200))
    assert hidden >= 190


@pytest.mark.parametrize("alphabet", [LETTERS, HEX, LETTERS + "+/"], ids=["letters", "hex", "base64"])
@pytest.mark.parametrize("form", NAMED)
def test_what_follows_a_key_like_name_is_hidden_and_the_name_stays(form, alphabet):
    key = made(40, alphabet)
    if form in ("address", "token in an address"):
        key = key.replace("/", "x")
    text = NAMED[form].format(key)
    before = text[: text.index(key)]
    scrubbed = scrub(text)
    assert not is_told(key, scrubbed), scrubbed
    assert scrubbed == before + SCRUBBED + text[text.index(key) + len(key) :]
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ('"password": "two words"', '"password": "[scrubbed]"'),
        ("'passwd': 'it\\'s'", "'passwd': '[scrubbed]'"),
        ("PASSWORD=abc next", "PASSWORD=[scrubbed] next"),
        ("pwd=abc;x=1", "pwd=[scrubbed];x=1"),
        ("api_key=None", "api_key=None"),
        ('"api_key": null', '"api_key": null'),
    ],
)
def test_short_values_of_sure_names_are_hidden_too(text, scrubbed):
    assert scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "<true_false>True</true_false>",
        "The answer is \\boxed{3.14159265358979323846264338327950288419716939937510}.",
        "2^127 - 1 = 170141183460469231731687303715884105727 is the key prime.",
        "Answer key: 3.14159265358979323846",
        "The key is 12345678901234567890123456789012",
        "It was mended by commit 3f2a9c0d1e4b5a6f7c8d9e0f1a2b3c4d5e6f7a8b, see also 9f8e7d6.",
        "sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "max_tokens=100, total_tokens: 523, token_count=12",
        "The first token: because. The last token is the end-of-sequence token.",
        "a sk-learn-preprocessing-pipeline, a ring-bearer character, a secretary: Mrs. Smith",
        "Authorization: granted. The password is stored hashed, the secret of success is work.",
        "https://example.org:8080/a:b@c?x=1 and git@example.org:group/repo.git",
        "call getUserById2FromDatabaseOrCache and re_evaluate_step_12_of_the_answer in src/Main2/FooBarBaz.java",
        "id 3f2a9c0d-1e4b-5a6f-7c8d-9e0f1a2b3c4d, CamelCaseNamesOfClassesLikeThisOne, C6H12O6 and H2SO4",
        "Score: 7/10. Reason: the keyboard key F12 opens it; key takeaway: photosynthesis needs light.",
        "答案是正确的,密钥无关。Ответ верный.",
        '{"correct": true, "score": 0.75, "reasoning": "12 * 12 = 144"}',
    ],
)
def test_harmless_texts_stay_as_they_are(text):
    assert scrub(text) == text


def test_a_part_of_a_text_hides_a_secret_that_reaches_over_its_border_as_a_whole():
    text = f"before {KEYS['github']} after"
    inside = text.index("gh") + 10
    assert scrub(text, end=inside) == "before [scrubbed]"
    assert scrub(text, start=inside) == "[scrubbed] after"
    assert scrub(text, 3, 5) == "or"


WORDS = [
    *"@:='\"\\-_.aA1é答",
    "sk-",
    "eyJ",
    "key",
    "api_key",
    "authorization",
    "://",
    "token",
    "password",
    "local-",
    "xoxb-",
]
WORDS += [
    " ",
    "\n",
    "bearer ",
    "--key ",
    SCRUBBED,
    "-----BEGIN PRIVATE " + "KEY-----",
    "-----END PRIVATE " + "KEY-----",
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=60))
def test_any_text_can_be_scrubbed_and_what_is_outside_of_secrets_stays(pieces):
    text = "".join(pieces)
    parts = scrub(text).split(SCRUBBED)
    assert text.startswith(parts[0])
    assert text.endswith(parts[-1])
    position = 0
    for part in parts:
        position = text.index(part, position) + len(part)


@pytest.mark.parametrize("unit", [*WORDS, "a ", "key=", "sk-a-", "://a:", '\\"token\\"', "authorization: "])
def test_the_work_is_linear_in_hostile_texts(unit):
    assert_linear(lambda length: scrub(unit * (length // len(unit))), 8_000)


def test_the_work_is_linear_in_mixtures():
    dice = random.Random(7)
    for _ in range(10):
        some = dice.sample(WORDS, 4)
        text = "".join(dice.choice(some) for _ in range(32_000))
        assert_linear(lambda length, text=text: scrub(text[:length]), 5_000)


def test_every_row_of_the_table_says_what_it_is_for():
    assert len({secret.what for secret in SECRETS}) == len(SECRETS)


MODELS = (
    "gpt-4o-mini",
    "ft:gpt-4o-mini-2024-07-18:my-org:custom:9aBcDeFg",
    "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo-FP8",
    "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
    "/data/checkpoints/global_step_1200/actor/huggingface",
    "fp_44709d6fcb",
)


@pytest.mark.parametrize("name", MODELS)
def test_the_name_of_a_model_is_written_as_it_is(name):
    assert scrub_name(name) == name


def test_a_key_in_the_place_of_a_model_s_name_is_not_written():
    assert scrub_name("sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD") == SCRUBBED
