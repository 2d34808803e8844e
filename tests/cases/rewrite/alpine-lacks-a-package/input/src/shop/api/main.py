from fastapi import FastAPI
import shop.settings
app = FastAPI()
