FROM python:3.12-slim AS build
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --no-install-project

FROM python:3.12-slim
WORKDIR /app
COPY --from=build /app/.venv /app/.venv
COPY . .
USER 10001
HEALTHCHECK CMD ["/app/.venv/bin/python", "-m", "shop.health"]
CMD ["/app/.venv/bin/python", "-m", "shop"]
