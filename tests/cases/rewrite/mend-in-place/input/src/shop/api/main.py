from fastapi import FastAPI
import shop.settings
app = FastAPI()
@app.get("/healthz")
def ok(): ...
