FROM python:3.11
WORKDIR /app
RUN pip install uv
COPY src src
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen
ENV PATH="/app/.venv/bin:$PATH"
CMD uvicorn shop.api.main:app --host 0.0.0.0
