FROM python:3.11-slim
WORKDIR /app
COPY requirements requirements
RUN pip install -r requirements/web.txt
COPY src .
