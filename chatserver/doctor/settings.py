"""Settings that are set and have no effect, since another one is missing: nothing refuses them, and nothing uses them."""

from chatserver.config import Config
from chatserver.doctor.findings import Finding, warning


def check(config: Config) -> list[Finding]:
    """One finding that names them; none where each has an effect."""
    idle = [f"{name} has no effect without {needed}" for name, needed in _idle(config).items()]
    if not idle:
        return []
    return [warning("settings", f"{'; '.join(idle)}.", "Set what is missing, or unset what has no effect.")]


def _idle(config: Config) -> dict[str, str]:
    """Each such setting, and what it needs."""
    rules = {
        "DATABASE_POOLER": (config.database_pooler, config.database_url, "DATABASE_URL"),
        "STORAGE_PRESIGN": (config.storage_presign, config.storage_url.startswith("s3:"), "STORAGE_URL=s3://…"),
        "CHAT_API_KEY": (config.chat_api_key, config.chat_base_url, "CHAT_BASE_URL"),
        "IMAGE_API_KEY": (config.image_api_key, config.image_base_url, "IMAGE_BASE_URL"),
        "IMAGE_PROTOCOL": (
            config.image_protocol != Config.image_protocol,
            config.image_base_url,
            "IMAGE_BASE_URL",
        ),
        "DIFFUSERS_MODEL": (config.diffusers_model, "diffusers" in config.provider_order, "diffusers in PROVIDERS"),
        "STRIPE_SECRET_KEY": (config.stripe_secret_key, "stripe" in config.checkout, "stripe in CHECKOUT"),
        "RAZORPAY_KEY_ID": (config.razorpay_key_id, "razorpay" in config.checkout, "razorpay in CHECKOUT"),
        "MAIL_FROM": (config.mail_from, config.smtp_url, "SMTP_URL"),
    }
    return {name: needed for name, (is_set, has_effect, needed) in rules.items() if is_set and not has_effect}
