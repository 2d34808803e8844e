from fastapi import FastAPI

from scans.queue import send

app = FastAPI()
