"""Queue heavy: from picture to text. The models come inside the wheel; nothing is downloaded."""

import io
from functools import lru_cache

import numpy as np
from celery import shared_task
from PIL import Image
from rapidocr_onnxruntime import RapidOCR

from shelf import store
from shelf.worker.app import app


@lru_cache(maxsize=1)
def engine() -> RapidOCR:
    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


@shared_task(name="shelf.tasks.reading.read_page")
def read_page(page: str) -> str:
    db = store.connect()
    picture = Image.open(io.BytesIO(store.get_scan(db, page))).convert("RGB")
    result, _ = engine()(np.asarray(picture))
    text = "\n".join(line[1] for line in result or [])
    store.put_text(db, page, text)
    app.send_task("shelf.tasks.indexing.index_page", args=[page])
    return text
