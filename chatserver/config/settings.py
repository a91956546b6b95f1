"""Configuration: read once from the environment, typed and checked, then passed. `chatserver config` prints it.

Each setting is one field of `Config`: its environment name is the field's in capitals, its default and sentence stand
beside it, and a wrong value stops the start with one line that names it.
"""

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from chatserver.config import normalization
from chatserver.config.timing import Timing
from chatserver.net import urls


def _setting(
    default: Any,
    sentence: str,
    *,
    secret: bool = False,
    names: tuple[str, ...] = (),
    minimum: int | None = None,
    maximum: int | None = None,
) -> Any:
    return dataclasses.field(
        default=default,
        metadata={"sentence": sentence, "secret": secret, "names": names, "minimum": minimum, "maximum": maximum},
    )


# Anything shorter can be guessed, and an empty one signs whatever is sent.
SHORTEST_SECRET = 8


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting of the product. Durations are in seconds and sizes in bytes unless the sentence says otherwise."""

    host: str = _setting("127.0.0.1", "The address to listen on; 0.0.0.0 for every interface.")
    port: int = _setting(8000, "The port to listen on.", minimum=0)
    data_dir: Path = _setting(Path("data"), "The folder of everything that the embedded defaults keep.")
    database_url: str = _setting(
        "", "postgresql://… of your own Postgres (15 or newer); empty runs the embedded one in DATA_DIR.", secret=True
    )
    database_pool: int = _setting(
        10, "Connections to Postgres that one process keeps at most.", minimum=2, maximum=1000
    )
    database_pooler: bool = _setting(
        False,
        "DATABASE_URL leads to a pooler in transaction mode (PgBouncer): no prepared statements are kept, and nothing is "
        "migrated at the start.",
    )
    redis_url: str = _setting("", "redis://… to carry events between processes; empty for one process.", secret=True)
    storage_url: str = _setting(
        "", "Where files go: file:/folder or s3://bucket/prefix?endpoint=…&region=…; empty for DATA_DIR/files."
    )
    storage_presign: bool = _setting(
        False, "With S3, send readers to a short-lived address of the bucket instead of passing the bytes through."
    )
    secret_key: str = _setting(
        "", "Signs cookies and links; made and kept in DATA_DIR when empty. The same on every machine.", secret=True
    )
    public_url: str = _setting(
        "",
        "The address people use, such as https://pictures.example.org, without a path; empty for this host and port.",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (), "Addresses or networks whose X-Forwarded-For and -Proto (or Forwarded) are believed, with commas between."
    )
    site_name: str = _setting("chatserver", "The name in the page's title and header.")
    site_operator: str = _setting("", "Who runs this site, named in the footer.")
    site_privacy_url: str = _setting("", "The page about privacy that the footer links to: https://… or a path here.")
    site_docs_url: str = _setting("", "The page with instructions that the footer links to: https://… or a path here.")
    site_source_url: str = _setting("", "Where the footer links to for the source: https://… or a path here.")
    accent: int = _setting(262, "The hue of the one accent colour, 0–360 (OKLCH).", minimum=0)
    sign_up: Literal["open", "invite", "closed"] = _setting(
        "open", "Who may make an account: open, invite (only through a session's invite link), closed."
    )
    guests_by_name: bool = _setting(
        False,
        "By an invite link a name is enough. Such a guest has no e-mail address and no password until they choose them in "
        "the settings, and cannot come back from another browser.",
    )
    commands_per_10_seconds: int = _setting(
        20,
        "Messages that one person may send in ten seconds, over every entrance and process; the same number again of "
        "other changes (favourites, titles, invites), and three times it of pictures. 0 for no limit.",
        minimum=0,
        maximum=1000,
    )
    replies_per_hour: int = _setting(
        120, "Replies of the assistant that one person may ask for in an hour. 0 for no limit.", minimum=0, maximum=1000
    )
    replies_at_once: int = _setting(
        5,
        "Replies of the assistant under way at once for one person; others wait their turn. 0 for no limit.",
        minimum=0,
    )
    replies_at_once_in_session: int = _setting(
        10, "The same for one session, whoever asks in it. 0 for no limit.", minimum=0
    )
    improved_prompts_per_hour: int = _setting(
        60, "Prompts that one person may have improved in an hour. 0 for no limit.", minimum=0, maximum=1000
    )
    uploads_per_hour: int = _setting(
        120, "Pictures that one person may upload in an hour. 0 for no limit.", minimum=0, maximum=1000
    )
    exports_per_hour: int = _setting(
        10, "Exports of one's own data in an hour. 0 for no limit.", minimum=0, maximum=1000
    )
    open_sessions_per_user: int = _setting(
        10, "Sessions that one person may have open at once with CHECKOUT=instant. 0 for no limit.", minimum=0
    )
    free_sessions_per_day: int = _setting(
        10,
        "Sessions and extensions that one person may take in a day with CHECKOUT=instant. 0 for no limit.",
        minimum=0,
        maximum=1000,
    )
    free_sessions_per_address_per_day: int = _setting(
        100,
        "The same for all people of one address together: a family, an office or a class shares one. 0 for no limit.",
        minimum=0,
        maximum=1000,
    )
    free_sessions_in_all_per_day: int = _setting(
        2000,
        "The same for everybody together: what free sessions cost the operator in a day at most. 0 for no limit.",
        minimum=0,
        maximum=10_000,
    )
    free_sessions_need_verified_address: bool = _setting(
        False,
        "Whether free sessions and trials are only for people with a verified e-mail address; needs SMTP_URL. Accounts from "
        "before addresses were verified keep theirs.",
    )
    waiting_pictures_per_user: int = _setting(
        60, "Pictures and clips of one person that may wait at once, over all sessions. 0 for no limit.", minimum=0
    )
    sign_ups_per_address: int = _setting(
        20, "New accounts from one address in an hour; each further one has to wait, longer each time.", minimum=1
    )
    invited_sign_ups_per_address: int = _setting(
        200, "The same for people who come by a valid invite link: a class or an office shares an address.", minimum=1
    )
    verifications_per_address: int = _setting(
        60,
        "Files that one address may have checked at /verify in an hour; each further one has to wait, longer each time.",
        minimum=1,
    )
    checkout: tuple[str, ...] = _setting(
        ("instant",),
        "How sessions are paid, one or several with commas between: stripe and razorpay take money (docs/payments.md); "
        "instant grants them at once, free; manual leaves it to `chatserver sessions grant`; codes takes those of "
        "`chatserver codes make`.",
    )
    trial_plan: str = _setting(
        "", "The plan of one free session for each person, once and never again: its id; empty for none."
    )
    payments_mode: Literal["live", "test"] = _setting(
        "live", "test takes the test keys of payment services, moves no money and says so on the pages."
    )
    stripe_secret_key: str = _setting(
        "", "Stripe's secret key (sk_live_… or rk_live_…), for CHECKOUT=stripe.", secret=True
    )
    stripe_webhook_secrets: tuple[str, ...] = _setting(
        (),
        "The signing secret (whsec_…) of Stripe's webhook; two with a comma between while one is replaced.",
        secret=True,
    )
    stripe_api_url: str = _setting("https://api.stripe.com", "Stripe's API.")
    razorpay_key_id: str = _setting("", "Razorpay's key id (rzp_live_…), for CHECKOUT=razorpay.")
    razorpay_key_secret: str = _setting("", "The secret of that key.", secret=True)
    razorpay_webhook_secrets: tuple[str, ...] = _setting(
        (), "The secret of Razorpay's webhook; two with a comma between while one is replaced.", secret=True
    )
    razorpay_api_url: str = _setting("https://api.razorpay.com", "Razorpay's API.")
    seller_name: str = _setting("", "Who sells, on receipts; empty for SITE_NAME.")
    seller_address: str = _setting("", "The seller's postal address, on receipts.")
    seller_tax_id: str = _setting("", "The seller's tax id, such as a GSTIN, on receipts.")
    tax_percent: Decimal = _setting(
        Decimal(0), "The tax that prices include, in percent, such as 18 or 8.1, on receipts.", minimum=0, maximum=100
    )
    default_plan: str = _setting(
        "", "The plan that is marked, and started for a first picture: its id; empty for the middle one on offer."
    )
    providers: tuple[str, ...] = _setting(
        (), "Picture providers in the order of fall-back; empty for huggingface with a token, otherwise sketch."
    )
    huggingface_api_key: str = _setting(
        "", "The Hugging Face token (hf_…) for pictures, clips and the assistant.", secret=True, names=("HF_TOKEN",)
    )
    hf_endpoint: str = _setting("https://huggingface.co", "The Hugging Face hub, for identity and model mappings.")
    hf_router_url: str = _setting("https://router.huggingface.co", "The Hugging Face router, for inference.")
    hf_result_hosts: tuple[str, ...] = _setting(
        (
            "*.fal.media",
            "replicate.delivery",
            "*.replicate.delivery",
            "*.together.ai",
            "*.wavespeed.ai",
            "*.cloudfront.net",
        ),
        "Hosts from which finished files may be fetched, separated by commas.",
    )
    hf_provider: str = _setting(
        "auto", "Which inference provider behind the router to use; auto takes the first live one."
    )
    hf_bill_to: str = _setting("", "The Hugging Face organisation that pays (X-HF-Bill-To).")
    hf_requests_per_hour: int = _setting(
        30, "Pictures and clips asked of Hugging Face in any hour, over all workers (the free tier's 30).", minimum=1
    )
    hf_concurrency: int = _setting(2, "Pictures and clips asked of Hugging Face at once, over all workers.", minimum=1)
    hf_seconds: int = _setting(
        600, "The longest that one picture may take there; a clip may take twice that.", minimum=1
    )
    hf_silence_seconds: int = _setting(150, "The longest silence in the middle of an answer from there.", minimum=1)
    hf_loading_seconds: int = _setting(300, "The longest that a model may load within one attempt.", minimum=1)
    provider_failures: int = _setting(
        5, "Failures of a picture provider within 30 seconds that close it for a while, for every worker.", minimum=1
    )
    provider_rest_seconds: int = _setting(
        30,
        "How long a provider that failed is left alone before one trial; twice that after each trial that fails.",
        minimum=1,
    )
    image_model: str = _setting("black-forest-labs/FLUX.1-schnell", "The model for pictures.")
    image_edit_model: str = _setting(
        "Qwen/Qwen-Image-Edit", "The model for variations and edits of a picture (image to image); none offers neither."
    )
    video_model: str = _setting("Wan-AI/Wan2.2-TI2V-5B", "The model for clips.")
    chat_model: str = _setting(
        "", "The model of the assistant; empty leaves the built-in guide, unless a token is set."
    )
    chat_base_url: str = _setting(
        "", "Any OpenAI-compatible server (Ollama, vLLM, llama.cpp), such as http://127.0.0.1:11434/v1."
    )
    chat_api_key: str = _setting("", "The key of CHAT_BASE_URL, where it wants one.", secret=True)
    chat_seconds: int = _setting(1800, "The longest that one answer of the assistant may take in all.", minimum=1)
    chat_first_token_seconds: int = _setting(
        600, "The longest until its model begins: it may have to be loaded, and a long conversation read.", minimum=1
    )
    chat_silence_seconds: int = _setting(180, "The longest silence in the middle of an answer.", minimum=1)
    chat_window_tokens: int = _setting(
        6000, "How much of the conversation the assistant is given, in tokens (estimated).", minimum=200
    )
    chat_system_prompt: str = _setting(
        "", "What the assistant is told before each conversation; empty for our own words."
    )
    image_base_url: str = _setting("", "A self-hosted picture server instead of the router.")
    image_api_key: str = _setting(
        "",
        "The key of IMAGE_BASE_URL, where it wants one; Inference Endpoints get HUGGINGFACE_API_KEY.",
        secret=True,
    )
    image_protocol: Literal["hf-bytes", "openai-images"] = _setting(
        "hf-bytes", "What the server at IMAGE_BASE_URL speaks."
    )
    report_hours: tuple[str, ...] = _setting(
        ("sexual=24", "violence=24", "hate=24", "illegal=4", "spam=72", "other=72"),
        "Hours within which a report is to be decided, by its kind: kind=hours with commas between; kinds that are not "
        "named keep their default.",
    )
    picture_mark: tuple[str, ...] = _setting(
        (),
        "Whose downloaded pictures carry a visible mark (AI-generated): ids of plans with commas between, or all; empty for "
        "none.",
    )
    c2pa_certificate: str = _setting(
        "",
        "The certificate that signs what files say of their making (C2PA), with its issuers, in PEM, or a path; empty for "
        "one of this server's own, which readers call untrusted.",
    )
    c2pa_key: str = _setting("", "The private key of C2PA_CERTIFICATE, in PEM, or a path.", secret=True)
    diffusers_model: str = _setting("", "A local folder or hub id for the diffusers provider.")
    diffusers_device: Literal["auto", "cpu", "cuda"] = _setting(
        "auto", "Where the diffusers provider computes: auto (a graphics card where there is one), cpu or cuda."
    )
    diffusers_steps: int = _setting(
        25, "Steps of the diffusers provider for a picture that names none; few-step models want less.", minimum=1
    )
    sketch_fail: str = _setting(
        "", "A drill: the built-in painter fails this share of its work (0–1), or every prompt with this word."
    )
    sketch_pace: int = _setting(
        0, "Seconds over which the built-in painter stretches each picture, for demonstrations.", minimum=0
    )
    sockets_per_user: int = _setting(5, "Websockets that one person may have open, over all nodes.", minimum=1)
    sockets_per_address: int = _setting(
        50,
        "Websockets that one address may have open, over all nodes; raise it for a shared address or a load test.",
        minimum=1,
    )
    connections_per_address: int = _setting(
        500,
        "Connections beside websockets that one address may have open at one process; one of TRUSTED_PROXIES may have any "
        "number.",
        minimum=1,
    )
    requests_per_address: int = _setting(
        200,
        "Requests of one address that one process works on at once, whatever proxy they come by; raise it for a shared "
        "address.",
        minimum=1,
    )
    smtp_url: str = _setting(
        "",
        "smtp://user:password@host:587 or smtps://…: the mail server for links for new passwords and to verify addresses; "
        "empty sends none.",
        secret=True,
    )
    mail_from: str = _setting("", "The sender of e-mail, such as pictures@example.org; needed with SMTP_URL.")
    alarm_email: str = _setting(
        "",
        "Who is told by e-mail of a provider that is closed after faults, of a database, broker or file store that does not "
        "answer, and of work that waits too long; needs SMTP_URL.",
    )
    alarm_queue_minutes: int = _setting(
        10, "How long the oldest picture may wait until ALARM_EMAIL is told.", minimum=1
    )
    metrics_token: str = _setting(
        "",
        "Whoever sends it as `Authorization: Bearer …` may read /metrics and the details of /readyz from elsewhere than "
        "this machine; at least eight characters.",
        secret=True,
    )
    worker_concurrency: int = _setting(2, "Generations that one worker process runs at once.", minimum=1)
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "The least level that is logged.")
    log_format: Literal["auto", "console", "json"] = _setting("auto", "console, json, or auto: console on a terminal.")
    timing: Timing = _setting(
        Timing(),
        "For tests and drills: leases, polls and deadlines in seconds, as in lease=4,reap=0.5; the same everywhere.",
    )

    def __post_init__(self) -> None:
        # Here, and not where the environment is read, so that every Config has normalised addresses.
        for name, value in normalization.addresses(vars(self)).items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "checkout", normalization.checkouts(self.checkout))

    @property
    def origin(self) -> str:
        """The origin of the pages, in the normal form of browsers."""
        if self.public_url:
            return self.public_url
        host = "localhost" if self.host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else self.host  # noqa: S104
        return urls.origin("http", f"[{host}]" if ":" in host else host, self.port)

    @property
    def secure(self) -> bool:
        """Whether people reach the pages over TLS, so that cookies can be Secure and HSTS is sent."""
        return self.origin.startswith("https://")

    @property
    def hours_by_report_kind(self) -> dict[str, int]:
        """Hours within which a report of each kind is to be decided."""
        return normalization.report_hours(self.report_hours, Config.report_hours)

    @property
    def provider_order(self) -> tuple[str, ...]:
        """PROVIDERS, or its default. A paid picture never becomes a sketch unless the operator says so."""
        if self.providers:
            return self.providers
        wants_huggingface = bool(self.huggingface_api_key or self.image_base_url)
        return ("huggingface",) if wants_huggingface else ("diffusers",) if self.diffusers_model else ("sketch",)
