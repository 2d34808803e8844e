from fastapi import FastAPI

from extended import jobs

app = FastAPI()
