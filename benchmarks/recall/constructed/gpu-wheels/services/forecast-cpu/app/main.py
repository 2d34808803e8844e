from fastapi import FastAPI

import torch

app = FastAPI()


@app.get("/score")
def score() -> float:
    return float(torch.ones(1).sum())
