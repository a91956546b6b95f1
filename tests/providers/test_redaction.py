"""What a service said is told without keys, and without what people wrote."""

import pytest

from chatserver.errors import BadParameters, Busy
from chatserver.providers.redaction import MAX_LOGGED, log_fields, without_secrets


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Incorrect API key provided: sk-proj-1234abcd.", "Incorrect API key provided: ••••."),
        ("no rights for hf_abcdefgh", "no rights for ••••"),
        ("sent Authorization: Bearer abcdef1234 to us", "sent •••• to us"),
        ("bearer abcdef1234 expired", "•••• expired"),
        ("at http://ada:secret@h/x?token=abcdefgh&page=2", "at http://••••@h/x?••••&page=2"),
        ("the operator has to set HF_ENDPOINT", "the operator has to set HF_ENDPOINT"),
        ("a limit of 4096 tokens", "a limit of 4096 tokens"),
        ("who is geheim/17?", "who is ••••?"),
    ],
)
def test_keys_are_masked_and_nothing_else(said, told):
    assert without_secrets(said, ["geheim/17", "", "ab"]) == told


def test_a_line_of_the_log_is_one_line_short_and_without_a_persons_words():
    error = BadParameters()
    error.service_message, error.service_status = "no “a secret garden”\r\n\x1b[31mhere\u2028" + "x" * 5000, 422
    line = log_fields(error, ["a secret garden"])
    assert line["said"].startswith("no “…” [31mhere xxx")
    assert len(line["said"]) == MAX_LOGGED
    assert (line["code"], line["status"]) == ("bad-parameters", 422)


def test_a_fault_without_words_has_none():
    assert log_fields(Busy()) == {"code": "busy"}
    assert log_fields(BadParameters()) == {"code": "bad-parameters"}
