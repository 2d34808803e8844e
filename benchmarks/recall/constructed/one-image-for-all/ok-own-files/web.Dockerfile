FROM python:3.12-slim
RUN pip install fastapi uvicorn
COPY web.py .
CMD ["uvicorn", "web:app"]
