from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHELF_")

    redis_url: str = "redis://redis:6379/0"
    fetch_timeout: float = 15.0
    page_ttl: int = 7 * 24 * 3600


settings = Settings()
