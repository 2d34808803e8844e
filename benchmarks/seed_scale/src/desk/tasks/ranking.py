from sentence_transformers import SentenceTransformer

from desk.worker import app


@app.task
def rank(texts: list[str]) -> list[list[float]]:
    return SentenceTransformer("all-MiniLM-L6-v2").encode(texts).tolist()
