"""Every setting in one table, and how the environment is read into typed values.

Pure: the mapping is an argument, `os.environ` is never touched here, nothing is opened or connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from policy.leases import LEAST_BEATS_PER_LEASE
from policy.log_levels import LEVELS
from policy.setting_kinds import Setting, Value, flag, levels, number, read_value, secret, shown, text, url, whole, word


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. Names end in their unit; None is unset. `SETTINGS` says what each means."""

    database_url: str | None = None
    redis_url: str | None = None
    home: str = ".callboard"
    log_level: str = "INFO"
    log_levels: str | None = None
    log_format: str = "json"
    log_addresses: bool = False
    metrics_port: int = 9191
    health_port: int = 9192
    dispatch_window_s: int = 60
    inline_emergency: bool = False
    force_inline: bool = False
    heartbeat_s: float = 5.0
    lease_s: float = 30.0
    relay_s: float = 1.0
    max_crashes: int = 3
    dedupe_s: int = 86_400
    status_ttl_s: int = 86_400
    retention_days: int = 30
    client_running_max: int = 64
    process_running_max: int = 2
    cron_secret: str | None = None
    smtp_url: str | None = None
    sms_url: str | None = None
    sms_token: str | None = None
    sms_idempotent_s: int = 0
    linkedin_url: str | None = None
    linkedin_token: str | None = None
    linkedin_idempotent_s: int = 0
    llm_base_url: str | None = None
    llm_api_key: str | None = None
    llm_model: str | None = None


SETTINGS: tuple[Setting, ...] = (
    url(
        "DATABASE_URL",
        "database_url",
        ("postgresql", "postgres"),
        "The PostgreSQL of the ledger; unset: found through CALLBOARD_HOME.",
    ),
    url(
        "REDIS_URL",
        "redis_url",
        ("redis", "rediss", "unix"),
        "The Redis or Valkey that carries what is due; unset: found through CALLBOARD_HOME.",
    ),
    text("HOME", "home", "Folder of the embedded servers, their data and the mail sink."),
    word(
        "LOG_LEVEL",
        "log_level",
        tuple(LEVELS),
        "Lines below this level are not written.",
    ),
    levels("LOG_LEVELS", "log_levels", "The level of some actors' lines, in the place of the general one."),
    word("LOG_FORMAT", "log_format", ("json", "text"), "JSON lines for machines, or text for people."),
    flag("LOG_ADDRESSES", "log_addresses", "Write mail addresses and telephone numbers in lines as they are."),
    whole("METRICS_PORT", "metrics_port", "port", 0, 65_535, "Where metrics are scraped; 0: nowhere."),
    whole("HEALTH_PORT", "health_port", "port", 0, 65_535, "Where health is asked for and a tick posted; 0: nowhere."),
    whole(
        "DISPATCH_WINDOW_SECONDS",
        "dispatch_window_s",
        "s",
        15,
        3_600,
        "Length of the period for which the schedule is dispatched once.",
    ),
    flag(
        "INLINE_EMERGENCY",
        "inline_emergency",
        "Run the background functions in the tick if enqueueing fails.",
    ),
    flag("FORCE_INLINE", "force_inline", "Always run the background functions in the tick."),
    number("HEARTBEAT_SECONDS", "heartbeat_s", "s", 0.1, 60, "Time between a worker's beats."),
    number(
        "LEASE_SECONDS",
        "lease_s",
        "s",
        0.3,
        3_600,
        "How long a silent worker keeps its claims; at least three beats.",
    ),
    number("RELAY_SECONDS", "relay_s", "s", 0.05, 60, "Time between two rounds of a relay."),
    whole(
        "MAX_CRASHES",
        "max_crashes",
        "",
        1,
        100,
        "So many lost workers while it ran, and a job is dead: poison.",
    ),
    whole(
        "DEDUPE_SECONDS",
        "dedupe_s",
        "s",
        1,
        31_536_000,
        "How long after its dispatch a succeeded job keeps its dispatch key.",
    ),
    whole("STATUS_TTL_SECONDS", "status_ttl_s", "s", 1, 31_536_000, "How long a job status stays in Redis."),
    whole("RETENTION_DAYS", "retention_days", "d", 1, 3_650, "Age at which finished jobs are pruned."),
    whole(
        "CLIENT_RUNNING_MAX",
        "client_running_max",
        "",
        1,
        1_000_000,
        "Released and running jobs of one client at which its others wait.",
    ),
    whole(
        "PROCESS_RUNNING_MAX",
        "process_running_max",
        "",
        1,
        16,
        "Jobs of process_background_jobs that work at the same time.",
    ),
    secret("CRON_SECRET", "cron_secret", "What a caller of the schedule over HTTP must show."),
    url(
        "SMTP_URL",
        "smtp_url",
        ("smtp", "smtps", "smtp+starttls"),
        "The mail server replies go to; unset: found through CALLBOARD_HOME.",
    ),
    url("SMS_URL", "sms_url", ("http", "https"), "The provider that SMS go to."),
    secret("SMS_TOKEN", "sms_token", "Its bearer token."),
    whole(
        "SMS_IDEMPOTENT_SECONDS",
        "sms_idempotent_s",
        "s",
        0,
        2_592_000,
        "How long it honours an idempotency key; 0: not at all.",
    ),
    url("LINKEDIN_URL", "linkedin_url", ("http", "https"), "The provider that LinkedIn messages go to."),
    secret("LINKEDIN_TOKEN", "linkedin_token", "Its bearer token."),
    whole(
        "LINKEDIN_IDEMPOTENT_SECONDS",
        "linkedin_idempotent_s",
        "s",
        0,
        2_592_000,
        "How long it honours an idempotency key; 0: not at all.",
    ),
    url(
        "LLM_BASE_URL",
        "llm_base_url",
        ("http", "https"),
        "The model's API; unset: the deterministic drafter.",
    ),
    secret("LLM_API_KEY", "llm_api_key", "The key of the model's API."),
    text("LLM_MODEL", "llm_model", "The model's name."),
)


def default_of(setting: Setting) -> str:
    """The default as text, "" where there is none."""
    return shown(setting, getattr(Settings(), setting.attribute))


def read(environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """The settings that `environ` asks for, and one warning for each value that was clamped.

    An empty or blank value is unset. Raises SettingInvalid, with secrets masked, for the first value
    that is not of its kind.
    """
    warnings: dict[str, str] = {}
    values: dict[str, Value] = {}
    for setting in SETTINGS:
        given = environ.get(setting.name, "").strip()
        if given:
            value, warning = read_value(setting, given)
            values[setting.attribute] = value
            if warning:
                warnings[setting.attribute] = warning
    settings = Settings(**values)  # type: ignore[arg-type]
    return _without_contradictions(settings, warnings, environ.get("CALLBOARD_LEASE_SECONDS", "").strip())


def _without_contradictions(
    settings: Settings, warnings: dict[str, str], lease_given: str
) -> tuple[Settings, list[str]]:
    """The lease lengthened where it is shorter than its beats; what clamped either of the two is said in one line."""
    least_s = round(LEAST_BEATS_PER_LEASE * settings.heartbeat_s, 6)  # 3 * 0.1 is more than 0.3
    if settings.lease_s < least_s:
        warnings.pop("lease_s", None)
        beats_clamped = warnings.pop("heartbeat_s", None)
        warnings["lease_s"] = (beats_clamped + "; " if beats_clamped else "") + (
            f"CALLBOARD_LEASE_SECONDS={lease_given or f'{settings.lease_s:g}'} is shorter than {LEAST_BEATS_PER_LEASE} "
            f"beats of CALLBOARD_HEARTBEAT_SECONDS={settings.heartbeat_s:g}: {least_s:g} is used"
        )
        settings = replace(settings, lease_s=least_s)
    return settings, list(warnings.values())


def masked(settings: Settings) -> dict[str, str]:
    """Every setting as text under its environment name, fit to be shown: secrets masked, unset ones empty."""
    values = asdict(settings)
    return {setting.name: shown(setting, values[setting.attribute]) for setting in SETTINGS}
