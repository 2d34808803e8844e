FROM python:3.12-slim AS build
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install --prefix /install -r requirements.txt

FROM python:3.12-slim
WORKDIR /app
COPY --from=build /install /usr/local
COPY shop/ shop/
USER 10001
CMD ["python", "-m", "shop"]
