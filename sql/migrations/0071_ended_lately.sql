-- What failed or was cancelled lately is counted at each scrape of the metrics, which read all generations for it.
CREATE INDEX generations_broken ON generations (finished_at) WHERE status IN ('failed', 'cancelled');
