"""Settings: defaults, clamps, refusals and masks."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.errors import SettingInvalid
from policy.setting_kinds import Kind, Setting, mask_url
from policy.settings import SETTINGS, Settings, default_of, masked, read

#: Every name of the contract, with its default as `callboard config` shows it.
CONTRACT = {
    "CALLBOARD_DATABASE_URL": "",
    "CALLBOARD_REDIS_URL": "",
    "CALLBOARD_HOME": ".callboard",
    "CALLBOARD_LOG_LEVEL": "INFO",
    "CALLBOARD_LOG_LEVELS": "",
    "CALLBOARD_LOG_FORMAT": "json",
    "CALLBOARD_LOG_ADDRESSES": "off",
    "CALLBOARD_METRICS_PORT": "9191",
    "CALLBOARD_HEALTH_PORT": "9192",
    "CALLBOARD_DISPATCH_WINDOW_SECONDS": "60",
    "CALLBOARD_INLINE_EMERGENCY": "off",
    "CALLBOARD_FORCE_INLINE": "off",
    "CALLBOARD_HEARTBEAT_SECONDS": "5",
    "CALLBOARD_LEASE_SECONDS": "30",
    "CALLBOARD_RELAY_SECONDS": "1",
    "CALLBOARD_MAX_CRASHES": "3",
    "CALLBOARD_DEDUPE_SECONDS": "86400",
    "CALLBOARD_STATUS_TTL_SECONDS": "86400",
    "CALLBOARD_RETENTION_DAYS": "30",
    "CALLBOARD_CLIENT_RUNNING_MAX": "64",
    "CALLBOARD_PROCESS_RUNNING_MAX": "2",
    "CALLBOARD_CRON_SECRET": "",
    "CALLBOARD_SMTP_URL": "",
    "CALLBOARD_SMS_URL": "",
    "CALLBOARD_SMS_TOKEN": "",
    "CALLBOARD_SMS_IDEMPOTENT_SECONDS": "0",
    "CALLBOARD_LINKEDIN_URL": "",
    "CALLBOARD_LINKEDIN_TOKEN": "",
    "CALLBOARD_LINKEDIN_IDEMPOTENT_SECONDS": "0",
    "CALLBOARD_LLM_BASE_URL": "",
    "CALLBOARD_LLM_API_KEY": "",
    "CALLBOARD_LLM_MODEL": "",
}


def test_an_empty_environment_gives_the_defaults_of_the_contract() -> None:
    settings, warnings = read({"PATH": "/bin", "CALLBOARD_LEASE_SECONDS": "  "})

    assert settings == Settings()
    assert masked(settings) == CONTRACT
    assert warnings == []


def test_the_table_names_every_attribute_once_and_its_default() -> None:
    assert [setting.attribute for setting in SETTINGS] == list(asdict(Settings()))
    assert {setting.name: default_of(setting) for setting in SETTINGS} == CONTRACT
    assert len(fields(Settings)) == len(SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_meaning_and_every_number_a_range_around_its_default(setting: object) -> None:
    found = next(one for one in SETTINGS if one is setting)

    assert found.meaning.endswith(".")
    if found.kind in {Kind.WHOLE, Kind.NUMBER}:
        assert found.low is not None
        assert found.high is not None
        assert found.low <= getattr(Settings(), found.attribute) <= found.high


@pytest.mark.parametrize(
    ("name", "given_text", "attribute", "value"),
    [
        ("HEARTBEAT_SECONDS", " 2.5 ", "heartbeat_s", 2.5),
        ("MAX_CRASHES", "+7", "max_crashes", 7),
        ("INLINE_EMERGENCY", "On", "inline_emergency", True),
        ("INLINE_EMERGENCY", "0", "inline_emergency", False),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("LOG_FORMAT", "TEXT", "log_format", "text"),
        ("DATABASE_URL", "postgres://h/db", "database_url", "postgres://h/db"),
        ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("REDIS_URL", "redis://me:p%40ss@[::1]:6379/3?db=4", "redis_url", "redis://me:p%40ss@[::1]:6379/3?db=4"),
        ("REDIS_URL", "redis://", "redis_url", "redis://"),
        ("DATABASE_URL", "postgresql://", "database_url", "postgresql://"),
        ("DATABASE_URL", "postgresql://h:1,[::1]:2/d", "database_url", "postgresql://h:1,[::1]:2/d"),
        (
            "DATABASE_URL",
            "postgresql://u:p@/d?host=/run&port=5432",
            "database_url",
            "postgresql://u:p@/d?host=/run&port=5432",
        ),
        ("LLM_MODEL", "some-model", "llm_model", "some-model"),
    ],
)
def test_a_value_is_read_as_its_kind(name: str, given_text: str, attribute: str, value: object) -> None:
    settings, warnings = read({f"CALLBOARD_{name}": given_text})

    assert getattr(settings, attribute) == value
    assert warnings == []


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one.secret], ids=lambda setting: setting.name)
@pytest.mark.parametrize(
    "control", ["\n", "\r\n", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028"], ids=lambda text: ascii(text).strip("'")
)
def test_a_secret_with_a_control_character_is_refused_and_not_shown(setting: Setting, control: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        read({setting.name: f"sk-first{control}second"})

    allowed = "a text on one line, without control characters"
    assert str(refused.value) == f"{setting.name}='***' is not valid: allowed is {allowed}"


@pytest.mark.parametrize("text", ["sk-12.3_~+/=", "a word and another", "schlüssel", "\nsk-1\n", "sk-1\n", "sk-1\r\n"])
def test_a_secret_of_one_line_is_read(text: str) -> None:
    settings, _ = read({"CALLBOARD_LLM_API_KEY": text})

    assert settings.llm_api_key == text.strip()


@pytest.mark.parametrize(
    ("name", "given_text", "attribute", "clamped"),
    [
        ("DISPATCH_WINDOW_SECONDS", "5", "dispatch_window_s", 15),
        ("DISPATCH_WINDOW_SECONDS", "86400", "dispatch_window_s", 3_600),
        ("METRICS_PORT", "70000", "metrics_port", 65_535),
        ("MAX_CRASHES", "-3", "max_crashes", 1),
        ("RELAY_SECONDS", "0", "relay_s", 0.05),
        ("DISPATCH_WINDOW_SECONDS", "9" * 23, "dispatch_window_s", 3_600),
        ("RELAY_SECONDS", "9" * 23, "relay_s", 60),
        ("LEASE_SECONDS", "7" * 23, "lease_s", 3_600),
    ],
)
def test_a_value_out_of_range_is_clamped_with_one_warning(
    name: str, given_text: str, attribute: str, clamped: float
) -> None:
    settings, warnings = read({f"CALLBOARD_{name}": given_text})

    assert getattr(settings, attribute) == clamped
    assert len(warnings) == 1
    assert f"CALLBOARD_{name}={given_text}" in warnings[0]
    assert f"{clamped:.15g} is used" in warnings[0]


@pytest.mark.parametrize(
    ("name", "given_text"),
    [
        ("HEARTBEAT_SECONDS", "soon"),
        ("HEARTBEAT_SECONDS", "nan"),
        ("HEARTBEAT_SECONDS", "inf"),
        ("HEARTBEAT_SECONDS", "."),
        ("LEASE_SECONDS", "30 s"),
        ("MAX_CRASHES", "2.5"),
        ("MAX_CRASHES", "1_000"),
        ("MAX_CRASHES", "٣"),
        ("MAX_CRASHES", "9" * 5_000),
        ("FORCE_INLINE", "maybe"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_URL", "mysql://h/db"),
        ("REDIS_URL", "localhost:6379"),
        ("LLM_BASE_URL", "http://h\x01/v1"),
        ("LLM_BASE_URL", "http://h/v1\nx"),
        ("REDIS_URL", "redis://h:abc/0"),
        ("REDIS_URL", "redis://h:70000/0"),
        ("REDIS_URL", "redis://h:6379/abc"),
        ("REDIS_URL", "redis://[::1/0"),
        ("REDIS_URL", "unix:///run/redis.sock?db=a"),
        ("DATABASE_URL", "postgresql://h:notaport/d"),
        ("DATABASE_URL", "postgresql://h:5432,other:nine/d"),
        ("DATABASE_URL", "postgresql:///d?host=/run&port=nine"),
        ("DATABASE_URL", "postgresql://me:p@ss@h/d"),
        ("DATABASE_URL", "postgresql://me:100%@h/d"),
        ("SMTP_URL", "smtp://"),
        ("SMS_URL", "http://h:abc"),
        ("LLM_BASE_URL", "https:///v1"),
    ],
)
def test_a_value_not_of_its_kind_is_refused_in_one_line(name: str, given_text: str) -> None:
    with pytest.raises(SettingInvalid) as refusal:
        read({f"CALLBOARD_{name}": given_text})

    assert str(refusal.value).startswith(f"CALLBOARD_{name}=")
    assert "allowed is " in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("DATABASE_URL", "mysql://me:s3cret@h/db", "mysql://me:***@h/db"),
        ("DATABASE_URL", "postgresql://me:s3cret@h:notaport/d", "postgresql://me:***@h:notaport/d"),
        ("DATABASE_URL", "postgresql://me:s3@cret@h/d", "postgresql://me:***@h/d"),
        ("REDIS_URL", "redis://:s3cret@h:6379/abc", "redis://:***@h:6379/abc"),
    ],
)
def test_a_refused_url_does_not_show_its_password(name: str, url: str, shown: str) -> None:
    with pytest.raises(SettingInvalid) as refusal:
        read({f"CALLBOARD_{name}": url})

    assert shown in str(refusal.value)
    assert "s3" not in str(refusal.value)


def test_a_lease_of_fewer_than_three_beats_is_lengthened_with_a_warning() -> None:
    settings, warnings = read({"CALLBOARD_HEARTBEAT_SECONDS": "20"})

    assert settings.lease_s == 60
    assert len(warnings) == 1
    assert "CALLBOARD_LEASE_SECONDS=30 is shorter than 3 beats" in warnings[0]


@pytest.mark.parametrize(
    ("lease", "beat", "lease_s", "told"),
    [
        ("0.1", "5", 15, ["CALLBOARD_LEASE_SECONDS=0.1 is shorter than 3 beats", "15 is used"]),
        ("", "1000", 180, ["CALLBOARD_HEARTBEAT_SECONDS=1000 is out of range", "60 is used", "180 is used"]),
        ("0.1", "1000", 180, ["CALLBOARD_HEARTBEAT_SECONDS=1000", "CALLBOARD_LEASE_SECONDS=0.1", "180 is used"]),
        ("0.1", "0.1", 0.3, ["CALLBOARD_LEASE_SECONDS=0.1 is out of range", "0.3 is used"]),
    ],
    ids=["lease", "beat", "both", "lease of the shortest beats"],
)
def test_lease_and_beats_out_of_range_are_told_in_one_warning(
    lease: str, beat: str, lease_s: float, told: list[str]
) -> None:
    settings, warnings = read({"CALLBOARD_LEASE_SECONDS": lease, "CALLBOARD_HEARTBEAT_SECONDS": beat})

    assert settings.lease_s == lease_s
    assert len(warnings) == 1
    assert [text for text in told if text not in warnings[0]] == []


def test_secrets_are_never_shown() -> None:
    settings, _ = read({"CALLBOARD_CRON_SECRET": "s3cret", "CALLBOARD_LLM_API_KEY": "s3cret"})

    shown = masked(settings)

    assert (shown["CALLBOARD_CRON_SECRET"], shown["CALLBOARD_LLM_API_KEY"]) == ("***", "***")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:s3cret@h:5432/db", "postgresql://me:***@h:5432/db"),
        ("postgresql://me:s3/cr@e?t@h/db", "postgresql://me:***@h/db"),
        ("redis://:s3cret@h", "redis://:***@h"),
        (
            "postgresql:///db?host=/run&password=s3cret&user=me",
            "postgresql:///db?host=/run&password=***&user=me",
        ),
        ("me:s3cret@h", "me:***@h"),
        ("postgresql://me@h/db", "postgresql://me@h/db"),
        ("redis://h:6379/0", "redis://h:6379/0"),
    ],
    ids=["password", "password of all signs", "no user", "in the query", "no scheme", "no password", "port"],
)
def test_passwords_in_urls_are_masked(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_password_is_ever_shown(password: str) -> None:
    assert mask_url(f"smtp://me:{password}@h") == "smtp://me:***@h"


@given(st.sampled_from(SETTINGS), st.text(max_size=12))
def test_any_text_is_read_within_bounds_or_refused(setting: object, given_text: str) -> None:
    found = next(one for one in SETTINGS if one is setting)

    try:
        settings, _ = read({found.name: given_text})
    except SettingInvalid:
        return

    value = getattr(settings, found.attribute)
    if found.low is not None and found.high is not None:
        assert found.low <= value <= found.high


def test_the_shortest_lease_of_the_shortest_beats_needs_no_lengthening() -> None:
    settings, warnings = read({"CALLBOARD_HEARTBEAT_SECONDS": "0.1", "CALLBOARD_LEASE_SECONDS": "0.3"})

    assert (settings.lease_s, warnings) == (0.3, [])
