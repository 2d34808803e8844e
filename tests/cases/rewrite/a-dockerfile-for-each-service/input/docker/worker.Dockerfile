FROM python:3.11
WORKDIR /app
RUN pip install uv
COPY . .
RUN uv sync --frozen
ENV PATH="/app/.venv/bin:$PATH"
CMD celery -A shop.jobs.app worker
