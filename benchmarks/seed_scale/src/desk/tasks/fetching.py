import boto3
import httpx

from desk.worker import app


@app.task
def fetch(url: str, bucket: str) -> int:
    body = httpx.get(url).content
    boto3.client("s3").put_object(Bucket=bucket, Key=url, Body=body)
    return len(body)
