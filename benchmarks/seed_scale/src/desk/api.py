from fastapi import FastAPI, UploadFile

from desk.worker import app as queue

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/pages")
async def add(page: UploadFile) -> dict[str, str]:
    text = (await page.read()).decode()
    return {"task": queue.send_task("desk.tasks.ranking.rank", args=[[text]], queue="heavy").id}
