from fastapi import FastAPI
import onnxruntime

app = FastAPI()
