import fastapi
import sqlalchemy

app = admin = fastapi.FastAPI()
